"""What was computed before: found by its key, and forgotten when its artifact is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from lab.db import graph
from lab.db.engine import reading, writing
from lab.db.jobs import leave, locked
from lab.db.tables import WAITING, Job, State

LOST = "lost:"  # begins the key of a job whose artifact is gone: no plan finds it, and nobody expects its files


def forget(job_id: int) -> list[int]:
    """Give up the key of a job that succeeded and whose artifact is lost, so that the next plan computes it anew.

    What stands on it and has not succeeded gives up its key too, and is cancelled if it waits: it would read the
    lost artifact. What has succeeded stays as it is.

    Returns:
        the ids of all jobs whose key was given up.
    """
    with writing() as session:
        below = sorted(graph.below(session, job_id))  # rows are locked lowest id first, here as everywhere
        gone = [job_id, *(job for job in below if not _succeeded(session, job))]
        for one in gone:
            job = locked(session, one)
            if job is None or not job.key or job.key.startswith(LOST):
                continue
            job.key = f"{LOST}{job.id}:{job.key}"
            if job.state in WAITING:
                leave(session, job, State.CANCELLED, f"job {job_id} before it has lost its artifact")
        return gone


def succeeded(keys: Sequence[str]) -> list[Job]:
    """The jobs of these keys that succeeded, by id."""
    with reading() as session:
        wanted = select(Job).where(col(Job.key).in_(keys), Job.state == State.SUCCEEDED).order_by(col(Job.id))
        return list(session.exec(wanted))


def specs(keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Key → spec of the jobs of these keys that are there, in whatever state."""
    with reading() as session:
        found = session.exec(select(Job.key, Job.spec).where(col(Job.key).in_(keys)))
        return {key: dict(spec) for key, spec in found}


def _succeeded(session: Session, job_id: int) -> bool:
    return session.exec(select(Job.state).where(Job.id == job_id)).one() is State.SUCCEEDED
