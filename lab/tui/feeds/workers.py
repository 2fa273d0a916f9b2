"""The workers' devices: what each does, how it is used now and was since the screen was opened."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab.db import queries, workers
from lab.db.pause import Paused
from lab.db.tables import Worker
from lab.db.workers import Busy
from lab.settings import load_settings
from lab.tui.feeds.rest import Rest
from lab.tui.feeds.status import Status
from lab.tui.format import tables

KEPT = 600  # reports of a device: twenty minutes, at a heartbeat of two seconds


@dataclass(frozen=True, slots=True)
class Use:
    """How a device was used when its worker said so."""

    load: float | None = None  # 0…1
    memory: float | None = None  # MiB
    total: float | None = None  # MiB

    @property
    def share(self) -> float | None:
        """How much of the memory is taken, 0…1."""
        return self.memory / self.total if self.memory is not None and self.total else None


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One device of a worker."""

    worker: str  # id
    host: str
    pid: int
    device: str
    model: str  # of the device, as its driver calls it
    state: str  # alive | draining | silent
    version: str
    started_at: datetime
    silence: float  # seconds since the worker's counter moved, by our clock
    use: Use
    history: tuple[Use, ...]  # oldest first
    job: Busy | None
    first: bool  # of its worker's devices

    @property
    def name(self) -> str:
        """`gpu01:4242`."""
        return self.worker.rpartition(":")[0] or self.worker


@dataclass(frozen=True, slots=True)
class WorkersView:
    """What there is to show."""

    devices: tuple[DeviceLine, ...] = ()
    ready: int = 0  # jobs that the next free device takes
    paused: Paused | None = None


@dataclass
class WorkersFeed:
    """Keeps what workers said of their devices, a report for each heartbeat that was seen."""

    monotonic: Callable[[], float] = time.monotonic
    _rest: Rest = field(init=False)
    _view: WorkersView = field(default_factory=WorkersView)
    _beats: dict[str, int] = field(default_factory=dict)
    _history: dict[tuple[str, str], deque[Use]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rest = Rest(self.monotonic)

    def read(self, status: Status) -> WorkersView:
        """The present view."""
        if self._rest.over:
            with self._rest.after():
                self._view = self._read(status)
        return self._view

    def hurry(self) -> None:
        """Read at once: something was just done."""
        self._rest.end()

    def _read(self, status: Status) -> WorkersView:
        rows, busy = queries.list_workers(), workers.busy()
        there = {(row.id, device) for row in rows for device in row.devices}
        self._history = {key: kept for key, kept in self._history.items() if key in there}
        lines = tuple(line for row in rows for line in self._lines(row, busy.get(row.id, ()), status))
        return WorkersView(lines, status.queue, status.paused)

    def _lines(self, row: Worker, busy: Iterable[Busy], status: Status) -> Iterator[DeviceLine]:
        reported, self._beats[row.id] = self._beats.get(row.id) != row.beat, row.beat
        silence = status.silence.get(row.id, 0.0)
        state = "silent" if silence >= load_settings().lease_seconds else row.state
        at_hand = list(busy)
        for place, device in enumerate(row.devices):
            use, model = used(row.usage, device)
            history = self._history.setdefault((row.id, device), deque(maxlen=KEPT))
            if reported:
                history.append(use)
            yield DeviceLine(
                row.id, row.host, row.pid, device, model, state, row.version, row.started_at, silence, use,
                tuple(history), _job_on(device, at_hand), first=place == 0,
            )  # fmt: skip


def _job_on(device: str, at_hand: Iterable[Busy]) -> Busy | None:
    """What is done there; a chat answer only where there is nothing else."""
    here = sorted((job for job in at_hand if job.device == device), key=lambda job: job.kind == "chat")
    return here[0] if here else None


def used(usage: dict[str, Any], device: str) -> tuple[Use, str]:
    """How a device is used, and what it is called, from what its worker says; None for what it does not say."""
    for gpu in tables(usage, "gpus"):
        if gpu.get("device") == device:
            return _use(gpu.get("load"), gpu.get("memory"), gpu.get("total")), str(gpu.get("name", ""))
    if device.startswith("cuda"):
        return Use(), ""
    return _use(usage.get("cpu"), usage.get("memory"), usage.get("total")), ""


def _use(percent: Any, memory: Any, total: Any) -> Use:
    load = _number(percent)
    return Use(None if load is None else min(max(load / 100, 0.0), 1.0), _number(memory), _number(total))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
