"""What a running job sees: its spec, its folders, and how it reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lab.paths import inside
from lab.settings import load_settings
from lab.store.artifacts import Artifacts, artifact_of, artifacts_in
from lab.store.checkpoints import fetched_checkpoint, publish_checkpoint
from lab.store.remote import StoreError
from lab.tasks.messages import (
    Answer,
    Assignment,
    Checkpoint,
    Event,
    Log,
    Metrics,
    Progress,
)

T = TypeVar("T")

_PROGRESS_SECONDS = 0.25  # no reader looks more often
_STORE_SECONDS = 5.0  # between two attempts to reach the store


class JobStopped(Exception):  # noqa: N818  (it is no error)
    """The job stopped at a safe point because it was told to."""


class JobContext:
    """One attempt at one job, in the executor."""

    def __init__(self, assignment: Assignment, emit: Callable[[Event], None], stop: threading.Event) -> None:
        self.assignment = assignment
        self.spec: dict[str, Any] = assignment.spec
        self.root = Path(assignment.root)
        self.folder = inside(self.root, assignment.folder)
        self.artifacts: Artifacts = artifacts_in(self.root)
        self._emit = emit
        self._stop = stop
        self._said = 0.0
        self._noted = ""

    def should_stop(self) -> bool:
        """Whether the job is to stop at the next safe point."""
        return self._stop.is_set()

    def input(self, role: str) -> Path | None:
        """The artifact folder of the job that plays this role for this one; None if none does."""
        key = self.spec.get("inputs", {}).get(role)
        if key is None:
            return None
        return self.committed(self.assignment.parents[key], self.assignment.manifests.get(key, ""))

    def needed(self, role: str) -> Path:
        """The same, where the plan always gives one."""
        folder = self.input(role)
        assert folder is not None, f"a {self.assignment.kind} job has an input '{role}'"
        return folder

    @property
    def dataset(self) -> Path:
        """The folder of the data set."""
        assert self.assignment.dataset is not None, f"a {self.assignment.kind} job has a data set"
        return self.fetched(self.assignment.dataset)

    @property
    def resume(self) -> Path | None:
        """The checkpoint of an earlier attempt, if there is one on this machine or in the store."""
        folder = self.assignment.checkpoint
        return self.patiently(lambda: fetched_checkpoint(self.artifacts, folder)) if folder else None

    def committed(self, artifact: str, manifest: str) -> Path:
        """The folder of an artifact whose manifest has this digest ("" if that is not known)."""
        return self.patiently(lambda: self.artifacts.fetched(artifact, manifest))

    def fetched(self, relative: str) -> Path:
        """The place of a path as the database and recipes name it, with what lies there (`Artifacts.fetched`)."""
        return self.fetch([relative])[0]

    def fetch(self, relatives: Sequence[str]) -> list[Path]:
        """The same for several paths; what this attempt itself writes is here."""
        own = self.assignment.folder
        self.patiently(lambda: self.artifacts.fetch(one for one in relatives if artifact_of(one) != own))
        return [inside(self.root, relative) for relative in relatives]

    def patiently(self, work: Callable[[], T]) -> T:
        """What `work` gives, tried again and again while the store is out of reach.

        Raises:
            JobStopped: the job was told to stop meanwhile.
            StoreError: the store was out of reach for `store_seconds`.
        """
        began, before = time.monotonic(), self._noted
        while True:
            try:
                found = work()
            except StoreError as error:
                if time.monotonic() - began > load_settings().store_seconds:
                    raise
                self.note(f"waits: {error}")
                if self._stop.wait(_STORE_SECONDS):
                    raise JobStopped from None
            else:
                if self._noted != before:
                    self.note(before)
                return found

    def relative(self, path: Path) -> str:
        """A path as the database and recipes name it."""
        return path.relative_to(self.root).as_posix()

    def log(self, text: str) -> None:
        """A line for people."""
        self._emit(Log(text))

    def progress(self, progress: Progress) -> None:
        """Say how far it is; called as often as convenient, passed on a few times a second."""
        at = time.monotonic()
        if progress.note is not None:
            self._noted = progress.note
        if at - self._said >= _PROGRESS_SECONDS or progress.note is not None or progress.val_loss is not None:
            self._said = at
            self._emit(progress)

    def note(self, text: str) -> None:
        """Say what it is doing now."""
        self.progress(Progress(note=text))

    @contextmanager
    def noting(self, text: str) -> Iterator[None]:
        """Say what it is doing meanwhile; then again what it was doing before."""
        before = self._noted
        self.note(text)
        yield
        self.note(before)

    def metrics(self, points: list[tuple[str, str, int, float]]) -> None:
        """Points of curves."""
        if points:
            self._emit(Metrics(points))

    def checkpoint(self, folder: Path, step: int) -> None:
        """Name a complete checkpoint, which nobody changes until this returns.

        Where there is a store, it is there before it is named. Out of reach, the job goes on from the one before.
        """
        name = self.relative(folder)
        before = self._noted
        try:
            # A slow line is no hanging job: each file is a sign of life.
            publish_checkpoint(self.artifacts, name, lambda _: self.note("sends its checkpoint to the store"))
        except StoreError as error:
            self.log(f"step {step} has no checkpoint: {error}")
        else:
            self._emit(Checkpoint(name, step))
        if self._noted != before:
            self.note(before)

    def fall_back(self, folder: Path | None, step: int) -> None:
        """Name an earlier checkpoint, or none: nothing can go on from the one that was named last."""
        self._emit(Checkpoint(self.relative(folder) if folder else "", step, back=True))

    def answer(self, text: str, info: dict[str, Any] | None = None) -> None:
        """A chat answer so far."""
        self._emit(Answer(text, info or {}))
