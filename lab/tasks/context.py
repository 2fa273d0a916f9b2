"""What a running job sees: its spec, its folders, and how it reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.tasks.messages import (
    Answer,
    Assignment,
    Checkpoint,
    Event,
    Log,
    Metrics,
    Progress,
)

_PROGRESS_SECONDS = 0.25  # no reader looks more often


class JobStopped(Exception):  # noqa: N818  (it is no error)
    """The job stopped at a safe point because it was told to."""


class JobContext:
    """One attempt at one job, in the executor."""

    def __init__(self, assignment: Assignment, emit: Callable[[Event], None], stop: threading.Event) -> None:
        self.assignment = assignment
        self.spec: dict[str, Any] = assignment.spec
        self.root = Path(assignment.root)
        self.folder = self.root / assignment.folder
        self._emit = emit
        self._stop = stop
        self._said = 0.0

    def should_stop(self) -> bool:
        """Whether the job is to stop at the next safe point."""
        return self._stop.is_set()

    def input(self, role: str) -> Path | None:
        """The artifact folder of the job that plays this role for this one; None if none does."""
        key = self.spec.get("inputs", {}).get(role)
        return None if key is None else self.root / self.assignment.parents[key]

    def needed(self, role: str) -> Path:
        """The same, where the plan always gives one."""
        folder = self.input(role)
        assert folder is not None, f"a {self.assignment.kind} job has an input '{role}'"
        return folder

    @property
    def dataset(self) -> Path:
        """The folder of the data set."""
        assert self.assignment.dataset is not None, f"a {self.assignment.kind} job has a data set"
        return self.root / self.assignment.dataset

    @property
    def resume(self) -> Path | None:
        """The checkpoint of an earlier attempt, if there is one on this machine."""
        if self.assignment.checkpoint is None:
            return None
        folder = self.root / self.assignment.checkpoint
        return folder if folder.is_dir() else None

    def relative(self, path: Path) -> str:
        """A path as the database and recipes name it."""
        return path.relative_to(self.root).as_posix()

    def log(self, text: str) -> None:
        """A line for people."""
        self._emit(Log(text))

    def progress(self, progress: Progress) -> None:
        """Say how far it is; called as often as convenient, passed on a few times a second."""
        at = time.monotonic()
        if at - self._said >= _PROGRESS_SECONDS or progress.note is not None or progress.val_loss is not None:
            self._said = at
            self._emit(progress)

    def metrics(self, points: list[tuple[str, str, int, float]]) -> None:
        """Points of curves."""
        if points:
            self._emit(Metrics(points))

    def checkpoint(self, folder: Path, step: int) -> None:
        """Name a complete checkpoint."""
        self._emit(Checkpoint(self.relative(folder), step))

    def answer(self, text: str, info: dict[str, Any] | None = None) -> None:
        """A chat answer so far."""
        self._emit(Answer(text, info or {}))
