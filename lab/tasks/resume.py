"""Going on from what earlier attempts kept, or anew where nothing can go on from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson

from lab.models.atomic import NUMBERED, newest_first, number_of, numbered, put
from lab.models.checkpoint import StaleCheckpointError, states
from lab.models.training import Stopped
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.manifest import CHECKPOINT_FOLDER

T = TypeVar("T")


def resumed(context: JobContext, work: Callable[[Path | None], T], part: str = "", begun: int = 0) -> T:
    """What `work` gives, called with the newest state of earlier attempts that it can go on from, or with none.

    A checkpoint of another number format, say, or a damaged one costs the time that it stood for and nothing else:
    the one before it is tried, and in the end the work starts anew.

    Args:
        context: the attempt.
        work: raises `StaleCheckpointError` where it cannot go on from a state.
        part: the folder within the checkpoint, of a job that does several such works.
        begun: the checkpoint's step when this work began.

    Raises:
        JobStopped: the work was stopped at a safe point.
    """
    try:
        return _first(context, lambda folder: states(folder / part), work, begun)
    except Stopped:
        raise JobStopped from None


def _first(
    context: JobContext, files: Callable[[Path], list[Path]], use: Callable[[Path | None], T], begun: int = 0
) -> T:
    """What `use` gives of the newest file that it can use, or of none; the job's row is told where that goes back."""
    folders = list(_folders(context))
    found = [(folder, path) for folder in folders for path in files(folder)]
    for place, (_, path) in enumerate(found):
        try:
            context.log(f"goes on from step {begun + number_of(path)}, which an earlier attempt kept")
            return use(path)
        except StaleCheckpointError as error:
            older = found[place + 1 : place + 2]
            context.log(f"{'the checkpoint before it is tried' if older else 'the work starts anew'}: {error}")
            for folder, before in older:
                context.fall_back(folder, begun + number_of(before))
    if found or (context.assignment.checkpoint and not folders and not begun):
        context.fall_back(context.folder / CHECKPOINT_FOLDER if begun else None, begun)
    return use(None)


def _folders(context: JobContext) -> Iterator[Path]:
    """The checkpoints' folders: the one that the job's row names, then those of the attempts before that one."""
    named = context.resume
    if named is None or not any(named.rglob(NUMBERED)):
        if context.assignment.checkpoint:
            context.log(f"{context.root / context.assignment.checkpoint}: no checkpoint is here; the work starts anew")
        return
    yield named
    attempts = {int(path.name): path for path in named.parent.parent.iterdir() if path.name.isdecimal()}
    for number in sorted(attempts, reverse=True):
        if named.parent.name.isdecimal() and number < int(named.parent.name):
            yield attempts[number] / CHECKPOINT_FOLDER


class Notes:
    """What a job has so far, as one JSON object for a later attempt: `name-<n>.json`, and the one before it."""

    def __init__(self, context: JobContext, name: str) -> None:
        self._context, self._name = context, name
        self._folder = context.folder / CHECKPOINT_FOLDER

    def save(self, number: int, content: dict[str, Any]) -> None:
        """Keep what the job has when it has `number` things."""
        text = orjson.dumps(content)
        path = numbered(self._folder, self._name, number, ".json")
        before = [one for one in self._files(self._folder) if one != path]
        put(path, lambda partial: partial.write_bytes(_sha256(text) + b"\n" + text))
        for other in before[1:]:
            other.unlink()
        self._context.checkpoint(self._folder, number)

    def read(self) -> dict[str, Any]:
        """The newest that can be read, of earlier attempts; empty if there are none."""
        return _first(self._context, self._files, _content)

    def _files(self, folder: Path) -> list[Path]:
        return newest_first(folder, self._name, ".json")


def _content(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    digest, _, text = path.read_bytes().partition(b"\n")
    if digest != _sha256(text):
        raise StaleCheckpointError(f"{path}: damaged (the digest differs)")
    content: dict[str, Any] = orjson.loads(text)
    return content


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()
