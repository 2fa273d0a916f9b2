"""A worker's right to write to a job, and the fence that refuses whoever has lost it.

A worker's write names (id, attempt, owner); it changes nothing unless the row is RUNNING under exactly those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Update
from sqlmodel import Session, col, select, update

from lab.db.tables import Job, State


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a running job."""

    job: int
    attempt: int
    owner: str


def fence(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which the lease holds."""
    return (
        col(Job.id) == lease.job,
        col(Job.attempt) == lease.attempt,
        col(Job.owner) == lease.owner,
        col(Job.state) == State.RUNNING,
    )


def touch(session: Session, lease: Lease, values: dict[str, Any] | None = None) -> bool:
    """The heartbeat that every write of a worker is; False if the lease no longer holds."""
    row = update(Job).where(*fence(lease))
    return changed(session, row.values(beat=col(Job.beat) + 1, **(values or {}))) > 0


def held(session: Session, lease: Lease) -> Job | None:
    """The job, locked until the transaction ends, if the lease holds."""
    return session.exec(select(Job).where(*fence(lease)).with_for_update(key_share=True)).first()


def changed(session: Session, statement: Update) -> int:
    """How many rows an UPDATE changes."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount
