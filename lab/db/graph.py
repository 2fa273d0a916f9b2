"""The graph of jobs: what the end, or the second life, of one job means for those below it.

A child is always younger than its parents, so ascending ids are a topological order. They are also the one
order in which rows are locked: two transactions may wait for each other, but never in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select, update

from lab.db.engine import reading, writing
from lab.db.tables import BROKEN, Job, JobParent, State, now

_NEVER_TO_SUCCEED = (*BROKEN, State.SKIPPED)


def _with_parent(condition: ColumnElement[bool], parent: type[Job]) -> ColumnElement[bool]:
    """Of the job at hand: it has a parent for which `condition` holds."""
    return exists().where(col(JobParent.child) == col(Job.id), col(JobParent.parent) == col(parent.id), condition)


def _waits() -> ColumnElement[bool]:
    parent = aliased(Job)
    return _with_parent(col(parent.state) != State.SUCCEEDED, parent)


def _waits_in_vain() -> ColumnElement[bool]:
    parent = aliased(Job)
    return _with_parent(col(parent.state).in_(_NEVER_TO_SUCCEED), parent)


def lock(session: Session, jobs: Iterable[int]) -> list[int]:
    """Lock the rows, lowest id first; a transaction that saw them before us has ended when this returns."""
    ids = sorted(jobs)
    wanted = select(Job.id).where(col(Job.id).in_(ids)).order_by(col(Job.id))
    session.exec(wanted.with_for_update(key_share=True)).all()
    return ids


def below(session: Session, *jobs: int) -> set[int]:
    """All jobs that wait for one of these, directly or not."""
    found: set[int] = set()
    frontier = set(jobs)
    while frontier:
        lower = session.exec(select(JobParent.child).where(col(JobParent.parent).in_(frontier))).all()
        frontier = set(lower) - found
        found |= frontier
    return found


def unblock(session: Session, jobs: Iterable[int]) -> int:
    """BLOCKED → READY for each of `jobs` whose parents all succeeded; returns how many those are.

    The rows are locked first, so of two parents that end at once the later one sees the earlier.
    """
    ids = lock(session, jobs)
    free = update(Job).where(col(Job.id).in_(ids), col(Job.state) == State.BLOCKED, ~_waits())
    result = session.execute(free.values(state=State.READY).execution_options(synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]


def skip_below(session: Session, job: int) -> None:
    """BLOCKED → SKIPPED for all that waited for a job that did not succeed."""
    ids = lock(session, below(session, job))
    blocked = update(Job).where(col(Job.id).in_(ids), col(Job.state) == State.BLOCKED)
    values = {"state": State.SKIPPED, "finished_at": now(), "note": f"job {job} before it did not succeed"}
    session.execute(blocked.values(**values).execution_options(synchronize_session=False))


def skip_if_in_vain(session: Session, job: int) -> None:
    """BLOCKED → SKIPPED, with all below, if a parent of the job will not succeed."""
    waiting = update(Job).where(col(Job.id) == job, col(Job.state) == State.BLOCKED, _waits_in_vain())
    values = {"state": State.SKIPPED, "finished_at": now(), "note": "a job before it did not succeed"}
    result = session.execute(waiting.values(**values).execution_options(synchronize_session=False))
    if result.rowcount:  # type: ignore[attr-defined]
        skip_below(session, job)


def revive_below(session: Session, job: int) -> None:
    """SKIPPED → BLOCKED below a job that gets another chance, except where another parent is still broken."""
    for lower in lock(session, below(session, job)):
        skipped = update(Job).where(col(Job.id) == lower, col(Job.state) == State.SKIPPED, ~_waits_in_vain())
        values = {"state": State.BLOCKED, "finished_at": None, "note": "", "beat": col(Job.beat) + 1}
        session.execute(skipped.values(**values).execution_options(synchronize_session=False))


def settle() -> None:
    """Free or skip BLOCKED jobs that nobody told.

    A study that is submitted while a parent of its jobs ends may have missed that end.
    """
    with reading() as session:
        blocked = select(Job.id).where(Job.state == State.BLOCKED).order_by(col(Job.id))
        free = _ids(session.exec(blocked.where(~_waits())).all())
        vain = _ids(session.exec(blocked.where(_waits_in_vain())).all())
    if free or vain:
        with writing() as session:
            lock(session, {*free, *vain} | below(session, *vain))  # at once, in the one order
            unblock(session, free)
            for job in vain:
                skip_if_in_vain(session, job)


def _ids(found: Sequence[int | None]) -> list[int]:
    return [job for job in found if job is not None]
