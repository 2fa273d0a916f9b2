"""The rows of workers: who comes, who is told to drain, who leaves, and of which version they are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, case, text
from sqlmodel import Session, col, select, update

from lab.db.engine import reading, writing
from lab.db.tables import Job, State, Worker, now

ALIVE, DRAINING, DRAINED, GONE = "alive", "draining", "drained", "gone"
AT_WORK = (ALIVE, DRAINING)
_ENTRY_LOCK = 0x1AD  # on a shared PostgreSQL


@dataclass(frozen=True, slots=True)
class Busy:
    """A job that a worker has at hand."""

    job: int
    kind: str
    method: str
    device: str
    progress: float  # 0…1


def register(row: Worker) -> list[Worker]:
    """Enter a worker, unless others at work are of another version: these are returned, and nothing is written.

    Whoever left this machine drained is succeeded by it.
    """
    with writing() as session:
        if session.get_bind().dialect.name == "postgresql":  # of two versions that enter at once, one sees the other
            session.execute(text(f"SELECT pg_advisory_xact_lock({_ENTRY_LOCK})"))
        others = _others(session, row.version)
        if not others:
            left = update(Worker).where(col(Worker.machine) == row.machine, col(Worker.state) == DRAINED)
            session.execute(left.values(state=GONE))
            session.add(row)
        return others


def of_other_versions(version: str) -> list[Worker]:
    """The workers at work that are not of this version."""
    with reading() as session:
        return _others(session, version)


def _others(session: Session, version: str) -> list[Worker]:
    at_work = select(Worker).where(col(Worker.state).in_(AT_WORK), Worker.version != version)
    return list(session.exec(at_work.order_by(col(Worker.started_at))))


def first_to_beat(workers: Sequence[str], patience: float) -> str | None:
    """The first of these workers whose counter moves within so many seconds; None if none of them lives.

    A machine that died without a word leaves a row that says alive; only its counter tells.
    """
    before, deadline = _beats(workers), time.monotonic() + patience
    while before and time.monotonic() < deadline:
        time.sleep(min(0.2, patience / 10))
        beats = _beats(before)
        before = {worker: beat for worker, beat in before.items() if worker in beats}
        if moved := [worker for worker, beat in before.items() if beats[worker] != beat]:
            return moved[0]
    return None


def _beats(workers: Iterable[str]) -> dict[str, int]:
    with reading() as session:
        wanted = select(Worker.id, Worker.beat).where(col(Worker.id).in_(list(workers)), col(Worker.state).in_(AT_WORK))
        return dict(session.exec(wanted).all())


def beat(worker: str, usage: dict[str, Any], *, draining: bool) -> bool:
    """Say that it lives; returns whether it is to drain.

    One that slept so long that it was given up comes back as it was.
    """
    with writing() as session:
        state = case((col(Worker.state).in_(AT_WORK), col(Worker.state)), else_=DRAINING if draining else ALIVE)
        values = {"beat": col(Worker.beat) + 1, "usage": usage, "seen_at": now(), "state": state}
        session.execute(update(Worker).where(col(Worker.id) == worker).values(**values))
        return session.exec(select(Worker.state).where(Worker.id == worker)).first() == DRAINING


def drain(workers: Sequence[str]) -> list[str]:
    """Let these workers claim no more and leave after the jobs at hand; returns those that are to leave now."""
    with writing() as session:
        alive = update(Worker).where(col(Worker.id).in_(workers), col(Worker.state) == ALIVE)
        session.execute(alive.values(state=DRAINING))
        wanted = select(Worker.id).where(col(Worker.id).in_(workers), Worker.state == DRAINING)
        return list(session.exec(wanted.order_by(Worker.id)))


def undo_drain(workers: Sequence[str]) -> list[str]:
    """Let these workers stay; returns those that were to leave and had not left yet."""
    with writing() as session:
        leaving = select(Worker).where(col(Worker.id).in_(workers), Worker.state == DRAINING)
        found = session.exec(leaving.with_for_update()).all()
        for worker in found:
            worker.state = ALIVE
        return [worker.id for worker in found]


def leave_drained(worker: str) -> bool:
    """The worker has nothing at hand any more and leaves; False if it is to stay after all."""
    with writing() as session:
        leaving = update(Worker).where(col(Worker.id) == worker, col(Worker.state) == DRAINING)
        result = session.execute(leaving.values(state=DRAINED))
        assert isinstance(result, CursorResult)
        return bool(result.rowcount)


def give_up(workers: Sequence[str]) -> None:
    """These workers are dead; one that comes back says so itself."""
    if workers:
        with writing() as session:
            lost = update(Worker).where(col(Worker.id).in_(workers), col(Worker.state).in_(AT_WORK))
            session.execute(lost.values(state=GONE))


def drained(machine: str) -> list[Worker]:
    """The workers that left this machine drained and have no successor there."""
    with reading() as session:
        return list(session.exec(select(Worker).where(Worker.machine == machine, Worker.state == DRAINED)))


def busy() -> dict[str, list[Busy]]:
    """Worker → the jobs that it has at hand."""
    with reading() as session:
        found: dict[str, list[Busy]] = {}
        for job in session.exec(select(Job).where(Job.state == State.RUNNING).order_by(col(Job.id))):
            at_hand = Busy(job.id or 0, job.kind, job.method, job.device or "", job.progress)
            found.setdefault(job.owner or "", []).append(at_hand)
        return found
