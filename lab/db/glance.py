"""What an overview reads of many jobs at once: how fast a study goes, what broke, what happened last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from lab.db.engine import reading
from lab.db.tables import WAITING, Job, State, Study, StudyJob

_NEWEST = 200  # finished jobs of a study, from which its pace is taken


@dataclass(frozen=True, slots=True)
class Running:
    """A job at hand."""

    kind: str
    progress: float  # 0…1
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How a study goes on."""

    waiting: dict[str, int]  # kind → jobs that are still to be begun
    running: tuple[Running, ...]
    seconds: dict[str, float]  # kind → what its jobs took, on average


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a job last, and when."""

    at: datetime
    job: int
    kind: str
    method: str
    state: State
    study: str  # one of its studies
    error: str  # of a job that broke


def pace(study: int) -> Pace:
    """What of a study is still to be done, and how long such jobs took in it so far."""
    mine = col(Job.id).in_(select(StudyJob.job).where(StudyJob.study == study))
    with reading() as session:
        waiting = select(Job.kind, func.count()).where(mine, col(Job.state).in_(WAITING)).group_by(Job.kind)
        running = select(Job.kind, Job.progress, Job.eta_seconds).where(mine, Job.state == State.RUNNING)
        ended = select(Job.kind, Job.started_at, Job.finished_at).where(mine, Job.state == State.SUCCEEDED)
        took: dict[str, list[float]] = {}
        for kind, began, end in session.exec(ended.order_by(col(Job.id).desc()).limit(_NEWEST)):
            if began is not None and end is not None and end > began:
                took.setdefault(kind, []).append((end - began).total_seconds())
        return Pace(
            dict(session.exec(waiting).all()),
            tuple(Running(*row) for row in session.exec(running)),
            {kind: sum(each) / len(each) for kind, each in took.items()},
        )


def broken(study: int) -> Event | None:
    """The job of a study that broke last, if one is broken."""
    found = _events(study, (State.FAILED, State.DEAD), 1)
    return found[0] if found else None


def events(last: int) -> list[Event]:
    """What happened to jobs last, the newest first; chat answers and what was skipped are no events."""
    ended = (State.SUCCEEDED, State.FAILED, State.DEAD, State.CANCELLED)
    begun = _events(None, (State.RUNNING,), last)
    return sorted([*_events(None, ended, last), *begun], key=lambda event: event.at, reverse=True)[:last]


def _events(study: int | None, states: tuple[State, ...], last: int) -> list[Event]:
    at = Job.started_at if states == (State.RUNNING,) else Job.finished_at
    wanted = (
        select(Job, func.min(Study.name))
        .join(StudyJob, col(StudyJob.job) == Job.id)
        .join(Study, col(Study.id) == StudyJob.study)
        .where(col(Job.state).in_(states), col(at).is_not(None))
        .group_by(col(Job.id))
        .order_by(col(at).desc(), col(Job.id).desc())
        .limit(last)
    )
    if study is not None:
        wanted = wanted.where(StudyJob.study == study)
    with reading() as session:
        return [_event(job, name) for job, name in session.exec(wanted)]


def _event(job: Job, study: str) -> Event:
    at = job.started_at if job.state is State.RUNNING else job.finished_at
    assert at is not None
    return Event(at, job.id or 0, job.kind, job.method, job.state, study, job.error or "")
