"""The line at the top of every screen: the study, the workers, the queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.db import queries
from lab.db.pause import Paused, paused
from lab.db.queries import StudyRow
from lab.db.tables import Worker
from lab.settings import load_settings
from lab.tui.feeds.rest import Rest
from lab.tui.format import tables


@dataclass(frozen=True, slots=True)
class Status:
    """How the lab is, at a glance."""

    study: StudyRow | None = None
    newest: str = ""  # study
    workers: int = 0  # alive
    silent: int = 0  # said to be alive, but heard of no more
    queue: int = 0
    paused: Paused | None = None  # the queue of work, by whom
    gpus: tuple[dict[str, Any], ...] = ()
    silence: dict[str, float] = field(default_factory=dict)  # worker → seconds since its counter moved, by our clock


class StatusFeed:
    """Reads the status; a worker is alive while its counter moves on our own monotonic clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rest = Rest(monotonic)
        self._beats: dict[str, tuple[int, float]] = {}
        self._of: str | None = None
        self._status = Status()

    def read(self, study_name: str | None) -> Status:
        """The status of a study, or of the newest."""
        if self._rest.over or study_name != self._of:
            self._of = study_name
            with self._rest.after():
                self._status = self._read(study_name)
        return self._status

    def _read(self, study_name: str | None) -> Status:
        names = queries.study_names()
        name = study_name if study_name in names else next(iter(names), None)
        workers = queries.list_workers()
        silence = {worker.id: self._silence(worker) for worker in workers}
        alive = [worker for worker in workers if silence[worker.id] < load_settings().lease_seconds]
        return Status(
            study=queries.get_study(name) if name else None,
            newest=next(iter(names), ""),
            workers=len(alive),
            silent=len(workers) - len(alive),
            queue=queries.queue_length("work"),
            paused=paused("work"),
            gpus=tuple(gpu for worker in alive for gpu in tables(worker.usage, "gpus")),
            silence=silence,
        )

    def _silence(self, worker: Worker) -> float:
        """Seconds since its counter moved, as far as we have watched it."""
        now = self._monotonic()
        beat, since = self._beats.get(worker.id, (-1, now))
        if worker.beat != beat:
            since = now
        self._beats[worker.id] = (worker.beat, since)
        return now - since
