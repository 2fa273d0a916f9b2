"""The order of the queue: what runs, then what waits as it will be taken, then what has ended, the latest first."""

from __future__ import annotations

from collections.abc import Iterable

from lab.db.queries import JobRow
from lab.tui.format import aware

_ORDER = {"RUNNING": 0, "RETRY_WAIT": 1, "READY": 1, "BLOCKED": 2}
_ENDED = 3


def in_order(jobs: Iterable[JobRow]) -> list[JobRow]:
    """The jobs in the order of the queue."""
    return sorted(jobs, key=_place)


def queue_places(jobs: Iterable[JobRow]) -> dict[int, int]:
    """Job → its place among those that are READY: 1 for the one that is taken next."""
    ready = in_order(job for job in jobs if job.state == "READY")
    return {job.id: place for place, job in enumerate(ready, start=1)}


def _place(job: JobRow) -> tuple[int, float, int]:
    group = _ORDER.get(job.state, _ENDED)
    if group < _ENDED:
        return group, -job.priority, job.id
    ended = aware(job.finished_at).timestamp() if job.finished_at else 0.0
    return group, -ended, -job.id
