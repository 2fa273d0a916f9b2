"""The state machine of jobs: every legal move, each one transaction, each guarded.

A worker moves a job under its lease (`lab.db.leases`); once that is lost, it cannot touch the job any more.
`docs/design.md`, section 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Insert, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select, update

from lab.db import graph, steps
from lab.db.engine import writing
from lab.db.leases import Lease, changed, fence, held, touch
from lab.db.tables import BROKEN, TERMINAL, WAITING, ChatReply, Job, JobLog, RunMetric, Score, State, now
from lab.errors import LabError
from lab.safe import sentence

CRASH_CAP = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A job just claimed, with what its executor needs to know."""

    lease: Lease
    kind: str
    method: str
    spec: dict[str, Any]
    checkpoint: str | None
    dataset: str | None  # folder of the data set that the spec names, relative
    parents: dict[str, str]  # parent job's key → its artifact folder, relative
    manifests: dict[str, str] = field(default_factory=dict)  # parent job's key → sha256 of that artifact's manifest


def locked(session: Session, job_id: int) -> Job | None:
    """The row, which nobody else changes until the transaction ends."""
    return session.get(Job, job_id, with_for_update={"key_share": True})


# ---------------------------------------------------------------- claim


def claim(queue: str, owner: str, device: str) -> Claim | None:
    """Take the READY job of the highest priority, oldest first; None when there is none, or the queue is paused.

    The claim is one conditional UPDATE: of two workers after one job, exactly one changes a row.
    """
    with writing() as session:
        run = session.connection().execute
        while True:
            candidate = run(steps.BEST_READY, {"in_queue": queue}).first()
            if candidate is None:
                return None
            job_id, attempt = candidate
            row = {"job": job_id, "seen": attempt, "by": owner, "on": device, "at": now()}
            taken = run(steps.TAKE, row).rowcount
            if taken:
                lease = Lease(job_id, attempt + 1, owner)
                try:
                    return _claimed(session, lease)
                except (LabError, LookupError, TypeError, ValueError) as error:
                    _set_aside(session, lease, error)  # or it would be the first in line for ever


def _set_aside(session: Session, lease: Lease, error: Exception) -> None:
    """End a job whose row holds what this lab cannot read, and skip what waits for it."""
    why = f"its row in the database cannot be read ({type(error).__name__}: {error}); submit its study again."
    row = update(Job).where(*fence(lease))
    changed(session, row.values(state=State.FAILED, owner=None, error=sentence(why), finished_at=now()))
    graph.skip_below(session, lease.job)


def _claimed(session: Session, lease: Lease) -> Claim:
    run = session.connection().execute
    kind, method, spec, checkpoint = run(steps.TAKEN, {"job": lease.job}).one()
    data = spec.get("data")
    known = isinstance(data, str) and data.isprintable()
    dataset = run(steps.FOLDER, {"data": data}).scalar() if known else None
    parents = run(steps.ARTIFACTS, {"job": lease.job}).all()
    return Claim(
        lease,
        kind,
        method,
        spec,
        checkpoint,
        dataset,
        {key: artifact for key, artifact, _ in parents if artifact is not None},
        {key: manifest for key, _, manifest in parents if manifest is not None},
    )


# ---------------------------------------------------------------- while running


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a heartbeat learns: is the job still ours, and is it to be cancelled?"""

    held: bool
    cancel: bool


def beat(lease: Lease, values: dict[str, Any] | None = None) -> Pulse:
    """One heartbeat, which may carry progress fields of the job row."""
    with writing() as session:
        if not touch(session, lease, values):
            return Pulse(held=False, cancel=False)
        cancel = session.exec(select(Job.cancel_requested).where(Job.id == lease.job)).one()
        return Pulse(held=True, cancel=cancel)


def record(lease: Lease, metrics: Sequence[RunMetric] = (), logs: Sequence[str] = (), said: int | None = None) -> bool:
    """Write curve points and log lines, if the lease still holds; a point written before is replaced.

    A database that breaks off may have written all of it and not been heard. So that lines are not there twice, `said`
    is how many of this attempt are known to be there; where there are more, these are the first of `logs`.
    """
    with writing() as session:
        if not touch(session, lease):
            return False
        if logs and said is not None:
            mine = select(func.count()).where(JobLog.job == lease.job, JobLog.attempt == lease.attempt)
            logs = logs[max(0, session.exec(mine).one() - said) :]
        latest = {(metric.series, metric.group, metric.step): metric.model_dump() for metric in metrics}
        if latest:
            session.connection().execute(_upsert(session, RunMetric, "value"), list(latest.values()))
        session.add_all(JobLog(job=lease.job, attempt=lease.attempt, text=text) for text in logs)
        return True


def _upsert(session: Session, table: type[SQLModel], column: str) -> Insert:
    """INSERT that replaces `column` where the primary key is there already."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    into = table.__table__  # type: ignore[attr-defined]
    statement = insert(into)
    return statement.on_conflict_do_update(
        index_elements=list(into.primary_key), set_={column: statement.excluded[column]}
    )


def checkpoint(lease: Lease, folder: str, step: int) -> bool:
    """Point to a checkpoint, unless a later step has one already; a new step forgives crashes.

    Returns whether the lease holds.
    """
    with writing() as session:
        job = held(session, lease)
        if job is None:
            return False
        if step > job.checkpoint_step:
            job.crashes = 0
        if step >= job.checkpoint_step:
            job.checkpoint, job.checkpoint_step = folder, step
        job.beat += 1
        return True


def fall_back(lease: Lease, folder: str, step: int) -> bool:
    """Point to an earlier checkpoint, or to none (""): nothing can go on from the last one.

    Returns whether the lease holds.
    """
    with writing() as session:
        return touch(session, lease, {"checkpoint": folder or None, "checkpoint_step": step})


def reply(lease: Lease, text: str, info: dict[str, Any]) -> bool:
    """Show the answer of a chat job so far."""
    with writing() as session:
        if not touch(session, lease):
            return False
        session.merge(ChatReply(job=lease.job, text=text, info=info))
        return True


# ---------------------------------------------------------------- the end of an attempt


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished job leaves in the database."""

    artifact: str
    manifest: str
    result: dict[str, Any]
    scores: Sequence[Score] = ()


def leave(session: Session, job: Job, state: State, note: str = "") -> None:
    """The job goes to `state`; what waits for it is skipped if it is not to succeed."""
    job.state = state
    job.owner = None
    job.note = note
    job.eta_seconds = None
    job.cancel_requested = False
    if state in TERMINAL:
        job.finished_at = now()
    session.flush()
    if state in BROKEN:
        graph.skip_below(session, job.id or 0)


@dataclass(frozen=True, slots=True)
class Committed:
    """A job has succeeded."""

    freed: bool  # whether others are READY because of it


def succeed(lease: Lease, outcome: Outcome) -> Committed | None:
    """The fenced commit: SUCCEEDED, its scores, and every child that now waits for nothing is READY.

    Returns None, and changes nothing, if the lease no longer holds or the job is to be cancelled.
    """
    with writing() as session:
        run = session.connection().execute
        fence = {"job": lease.job, "of_attempt": lease.attempt, "by": lease.owner}
        left = {"folder": outcome.artifact, "digest": outcome.manifest, "left": outcome.result, "at": now()}
        if not run(steps.COMMIT, fence | left).rowcount:
            return None
        if outcome.scores:
            run(steps.SCORES, [score.model_dump() for score in outcome.scores])
        children = run(steps.CHILDREN, {"job": lease.job}).scalars().all()
        return Committed(bool(children) and graph.unblock(session, children) > 0)


def fail(lease: Lease, error: str, *, for_good: bool = False) -> State | None:
    """An error ended the attempt: RETRY_WAIT while tries are left, else FAILED and its descendants SKIPPED.

    Returns the new state, or None if the lease no longer holds.
    """
    with writing() as session:
        job = held(session, lease)
        if job is None:
            return None
        job.tries += 1
        job.error = sentence(error)
        state = State.FAILED if for_good or job.tries >= job.max_tries else State.RETRY_WAIT
        leave(session, job, State.CANCELLED if job.cancel_requested else state)
        return job.state


def hand_back(lease: Lease, note: str) -> bool:
    """Stopped with grace: READY again, from its checkpoint; False if a cancel came first."""
    with writing() as session:
        job = held(session, lease)
        if job is None or job.cancel_requested:
            return False
        leave(session, job, State.READY, note)
        return True


def give_back(queue: str, owner: str, device: str, note: str) -> None:
    """READY again, or CANCELLED, with all that the table says is run there, though nothing is.

    Those are jobs that were let go while the database was out of reach, and a claim that it made without being
    heard.
    """
    with writing() as session:
        there = select(Job).where(
            Job.queue == queue, Job.state == State.RUNNING, Job.owner == owner, Job.device == device
        )
        for job in session.exec(there.order_by(col(Job.id)).with_for_update(key_share=True)):
            leave(session, job, State.CANCELLED if job.cancel_requested else State.READY, note)


def cancelled(lease: Lease) -> bool:
    """The worker has seen the cancel request and stopped; False if the request was withdrawn."""
    with writing() as session:
        job = held(session, lease)
        if job is None or not job.cancel_requested:
            return False
        leave(session, job, State.CANCELLED)
        return True


def lose(lease: Lease, seen_beat: int | None = None) -> State | None:
    """The lease is lost: READY again, or DEAD after `CRASH_CAP` crashes with no new checkpoint between.

    Args:
        lease: the attempt that is believed dead.
        seen_beat: only if the heartbeat counter still stands here.

    Returns:
        the new state, or None if the lease no longer holds, or beats after all.
    """
    with writing() as session:
        job = held(session, lease)
        if job is None or (seen_beat is not None and job.beat != seen_beat):
            return None
        job.crashes += 1
        if job.cancel_requested:
            leave(session, job, State.CANCELLED)
        elif job.crashes >= CRASH_CAP:
            job.error = f"its executor died {CRASH_CAP} times without a new checkpoint"
            leave(session, job, State.DEAD)
        else:
            leave(session, job, State.READY, "its worker was lost; waits to be taken up again")
        return job.state


# ---------------------------------------------------------------- what a person asks for


def cancel(job_id: int) -> State | None:
    """Cancel a job; a running one is only asked to, and stops at its worker's next heartbeat.

    Returns the state it is now in, or None if it had already ended.
    """
    with writing() as session:
        job = locked(session, job_id)
        if job is None or job.state in TERMINAL:
            return None
        if job.state is State.RUNNING:
            job.cancel_requested = True
            job.note = "cancelling"
        else:
            leave(session, job, State.CANCELLED)
        return job.state


def drop(session: Session, job_id: int) -> None:
    """Cancel a job that waits and that nobody needs any more, within a transaction; one that runs goes on."""
    job = locked(session, job_id)
    if job is not None and job.state in WAITING:
        leave(session, job, State.CANCELLED, "no study needs it any more")


def retry(job_id: int) -> State | None:
    """Try a broken job again, from its checkpoint if it has one, with what was skipped because of it.

    Asked of a job that is about to be cancelled, it takes the cancel request back.

    Returns the state it is now in (SKIPPED if a job before it is broken too: that one has to be tried
    again), or None if it was neither FAILED, DEAD nor CANCELLED.
    """
    with writing() as session:
        return revive(session, job_id)


def revive(session: Session, job_id: int) -> State | None:
    """`retry`, within a transaction."""
    job = locked(session, job_id)
    if job is None:
        return None
    if job.state is State.RUNNING and job.cancel_requested:
        job.cancel_requested, job.note = False, ""
        return job.state
    if job.state not in BROKEN:
        return None
    job.state, job.error, job.finished_at = State.BLOCKED, None, None
    job.note = ""
    job.tries = job.crashes = 0
    job.beat += 1  # it may be in the state it was in before, and those who watch it are to see that it moved
    session.flush()
    graph.unblock(session, [job_id])
    graph.skip_if_in_vain(session, job_id)
    graph.revive_below(session, job_id)
    session.refresh(job)
    return job.state


def prioritise(job_id: int, priority: int) -> bool:
    """Set a waiting job's priority; higher goes first."""
    with writing() as session:
        waiting = update(Job).where(col(Job.id) == job_id, col(Job.state).in_(WAITING))
        return changed(session, waiting.values(priority=priority)) > 0


def shift_priority(job_ids: Sequence[int], by: int) -> int:
    """Raise or lower the priority of those of these jobs that wait; returns how many they are."""
    with writing() as session:
        waiting = update(Job).where(col(Job.id).in_(job_ids), col(Job.state).in_(WAITING))
        return changed(session, waiting.values(priority=col(Job.priority) + by))


# ---------------------------------------------------------------- the sweep


def retry_is_due(job_id: int, attempt: int) -> bool:
    """RETRY_WAIT → READY, by a sweeper that has watched the pause on its own clock."""
    with writing() as session:
        due = update(Job).where(col(Job.id) == job_id, col(Job.attempt) == attempt, col(Job.state) == State.RETRY_WAIT)
        return changed(session, due.values(state=State.READY)) > 0
