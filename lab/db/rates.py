"""What earlier jobs took: from them, what the next ones will take can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from lab.db.engine import reading
from lab.db.tables import Job, State

_NEWEST = 500  # jobs of a kind: newer ones ran on this program and these machines


@dataclass(frozen=True, slots=True)
class Measured:
    """A job that succeeded in one go."""

    kind: str
    method: str
    device: str
    spec: dict[str, Any]
    result: dict[str, Any]
    seconds: float  # from its claim to its commit, by the clock of the one worker that had it


def measured(kinds: Sequence[str]) -> list[Measured]:
    """The newest jobs of these kinds whose whole time is known: those that were claimed once."""
    with reading() as session:
        found: list[Job] = []
        for kind in dict.fromkeys(kinds):
            wanted = select(Job).where(Job.kind == kind, Job.state == State.SUCCEEDED, Job.attempt == 1)
            found += session.exec(wanted.order_by(col(Job.id).desc()).limit(_NEWEST)).all()
        return [one for job in found if (one := _measured(job)) is not None]


def _measured(job: Job) -> Measured | None:
    if job.started_at is None or job.finished_at is None or job.device is None:
        return None
    seconds = (job.finished_at - job.started_at).total_seconds()
    if seconds <= 0:  # the clock was set back meanwhile
        return None
    return Measured(job.kind, job.method, job.device, job.spec, job.result or {}, seconds)
