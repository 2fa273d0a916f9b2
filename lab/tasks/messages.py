"""What a supervisor and its executor say to each other: one JSON object a line, nothing pickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Assignment:
    """Supervisor → executor: do this job. All folders but `root` are relative to it."""

    job: int
    attempt: int
    kind: str
    method: str
    spec: dict[str, Any]
    root: str  # the artifacts folder
    folder: str  # where this attempt writes
    cache: str  # offline weights
    device: str
    dtype: str
    checkpoint: str | None
    checkpoint_seconds: float
    dataset: str | None  # folder of the data set, if the job has one
    parents: dict[str, str]  # parent job's key → its artifact folder


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job is; fields that are None stay as they were."""

    progress: float | None = None
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    val_loss: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Curve points: (series, group, step, value). JSON has no NaN and no infinity: such a value arrives as None."""

    points: Sequence[tuple[str, str, int, float | None]]


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the job's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint lies in `folder`."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A chat answer so far."""

    text: str
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The job is finished and its manifest written; scores are (persona, task type, metric, value, n).

    A value that is not finite arrives as None.
    """

    manifest: str
    result: dict[str, Any]
    scores: Sequence[tuple[str, str, str, float | None, int]] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended with an error; `for_good` when trying again cannot help."""

    error: str
    for_good: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job stopped because it was told to."""


Event = Progress | Metrics | Log | Checkpoint | Answer | Done | Failed | Stopped
_EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Progress, Metrics, Log, Checkpoint, Answer, Done, Failed, Stopped)
}


def encode_event(event: Event) -> bytes:
    """One line."""
    return orjson.dumps({"event": type(event).__name__, **asdict(event)}, option=orjson.OPT_APPEND_NEWLINE)


def decode_event(line: bytes) -> Event:
    """The event of one line. A NUL in a text becomes U+FFFD: PostgreSQL keeps no NUL.

    Raises:
        ValueError: it is not one.
    """
    try:
        fields = orjson.loads(line.replace(rb"\u0000", rb"\ufffd"))
        return _EVENTS[fields.pop("event")](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an executor event: {line[:80]!r}") from error


def encode_assignment(assignment: Assignment) -> bytes:
    """One line."""
    return orjson.dumps({"run": asdict(assignment)}, option=orjson.OPT_APPEND_NEWLINE)


def encode_tidy(job: int, attempt: int) -> bytes:
    """One line: this attempt is the committed one, what else the job left in the store may go."""
    return orjson.dumps({"tidy": [job, attempt]}, option=orjson.OPT_APPEND_NEWLINE)


STOP = b'{"stop": true}\n'  # finish the step, write a checkpoint, say Stopped
