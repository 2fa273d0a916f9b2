"""Going on from an attempt's checkpoint, or anew where nothing can go on from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lab.models.checkpoint import StaleCheckpointError
from lab.models.training import Stopped
from lab.tasks.context import JobContext, JobStopped

T = TypeVar("T")


def resumed(context: JobContext, work: Callable[[Path | None], T]) -> T:
    """What `work` gives, called with the checkpoint of an earlier attempt if there is one.

    A checkpoint of another number format, say, or a damaged one costs the time that it stood for and nothing else.

    Raises:
        JobStopped: the work was stopped at a safe point.
    """
    try:
        try:
            return work(context.resume)
        except StaleCheckpointError as error:
            context.log(f"the training starts anew: {error}")
            return work(None)
    except Stopped:
        raise JobStopped from None
