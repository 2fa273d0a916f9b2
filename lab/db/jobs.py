"""The state machine of jobs: every legal move, each one transaction, each guarded.

A worker's write names (id, attempt, owner); it changes nothing unless the row is RUNNING under exactly
those, so a worker that lost its lease cannot touch the job any more. `docs/design.md`, section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, Update
from sqlmodel import Session, col, select, update

from lab.db.engine import writing
from lab.db.tables import (
    BROKEN,
    TERMINAL,
    WAITING,
    ChatReply,
    Job,
    JobLog,
    JobParent,
    RunMetric,
    Score,
    State,
    now,
)

CRASH_CAP = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a running job."""

    job: int
    attempt: int
    owner: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A job just claimed, with what its executor needs to know."""

    lease: Lease
    kind: str
    method: str
    spec: dict[str, Any]
    checkpoint: str | None
    parents: dict[str, str]  # parent job's key → its artifact folder, relative


def _changed(session: Session, statement: Update) -> bool:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return bool(result.rowcount)


def _held(lease: Lease) -> Update:
    return update(Job).where(
        col(Job.id) == lease.job,
        col(Job.attempt) == lease.attempt,
        col(Job.owner) == lease.owner,
        col(Job.state) == State.RUNNING,
    )


# ---------------------------------------------------------------- claim


def claim(queue: str, owner: str, device: str) -> Claim | None:
    """Take the READY job of the highest priority, oldest first; None when there is none.

    The claim is one conditional UPDATE: of two workers after one job, exactly one changes a row.
    """
    with writing() as session:
        while True:
            ready = select(Job.id, Job.attempt).where(Job.queue == queue, Job.state == State.READY)
            candidate = session.exec(ready.order_by(col(Job.priority).desc(), col(Job.id)).limit(1)).first()
            if candidate is None:
                return None
            job_id, attempt = candidate
            assert job_id is not None
            taken = _changed(
                session,
                update(Job)
                .where(col(Job.id) == job_id, col(Job.state) == State.READY, col(Job.attempt) == attempt)
                .values(
                    state=State.RUNNING,
                    attempt=attempt + 1,
                    owner=owner,
                    device=device,
                    beat=0,
                    cancel_requested=False,
                    error=None,
                    note="starting",
                    started_at=now(),
                    finished_at=None,
                ),
            )
            if taken:
                return _claimed(session, Lease(job_id, attempt + 1, owner))


def _claimed(session: Session, lease: Lease) -> Claim:
    job = session.get_one(Job, lease.job)
    parents = session.exec(
        select(Job.key, Job.artifact)
        .join(JobParent, col(JobParent.parent) == Job.id)
        .where(JobParent.child == lease.job)
    ).all()
    return Claim(
        lease,
        job.kind,
        job.method,
        job.spec,
        job.checkpoint,
        {key: artifact for key, artifact in parents if artifact is not None},
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
        statement = _held(lease).values(beat=col(Job.beat) + 1, **(values or {}))
        if not _changed(session, statement):
            return Pulse(held=False, cancel=False)
        cancel = session.exec(select(Job.cancel_requested).where(Job.id == lease.job)).one()
        return Pulse(held=True, cancel=cancel)


def record(lease: Lease, metrics: Sequence[RunMetric] = (), logs: Sequence[str] = ()) -> bool:
    """Write curve points and log lines, if the lease still holds."""
    with writing() as session:
        if not _changed(session, _held(lease).values(beat=col(Job.beat) + 1)):
            return False
        for metric in metrics:
            session.merge(metric)
        session.add_all(JobLog(job=lease.job, attempt=lease.attempt, text=text) for text in logs)
        return True


def checkpoint(lease: Lease, folder: str, step: int) -> bool:
    """Point to a new checkpoint; the committed step never goes back, and progress forgives crashes."""
    with writing() as session:
        newer = _held(lease).where(col(Job.checkpoint_step) <= step)
        return _changed(session, newer.values(checkpoint=folder, checkpoint_step=step, crashes=0))


def reply(lease: Lease, text: str, info: dict[str, Any]) -> bool:
    """Show the answer of a chat job so far."""
    with writing() as session:
        if not _changed(session, _held(lease).values(beat=col(Job.beat) + 1)):
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


def succeed(lease: Lease, outcome: Outcome) -> bool:
    """The fenced commit: SUCCEEDED, its scores, and every child that now waits for nothing is READY."""
    with writing() as session:
        done = _held(lease).where(col(Job.cancel_requested).is_(False))
        values = {
            "state": State.SUCCEEDED,
            "owner": None,
            "progress": 1.0,
            "eta_seconds": 0.0,
            "note": "",
            "artifact": outcome.artifact,
            "manifest": outcome.manifest,
            "result": outcome.result,
            "finished_at": now(),
        }
        if not _changed(session, done.values(**values)):
            return False
        session.add_all(outcome.scores)
        session.flush()
        _unblock(session, _children(session, lease.job))
        return True


def fail(lease: Lease, error: str, *, for_good: bool = False) -> State | None:
    """An error ended the attempt: RETRY_WAIT while tries are left, else FAILED and its descendants SKIPPED.

    Returns the new state, or None if the lease no longer holds.
    """
    with writing() as session:
        job = session.get_one(Job, lease.job)
        state = State.FAILED if for_good or job.tries + 1 >= job.max_tries else State.RETRY_WAIT
        if job.cancel_requested:
            state = State.CANCELLED
        values: dict[str, Any] = {
            "state": state,
            "owner": None,
            "tries": Job.tries + 1,
            "error": error,
            "note": "",
            "eta_seconds": None,
        }
        if state is not State.RETRY_WAIT:
            values["finished_at"] = now()
        if not _changed(session, _held(lease).values(**values)):
            return None
        if state is not State.RETRY_WAIT:
            _skip_descendants(session, lease.job)
        return state


def hand_back(lease: Lease, note: str) -> bool:
    """Stopped with grace: READY again, from its checkpoint; False if a cancel came first."""
    with writing() as session:
        wanted = _held(lease).where(col(Job.cancel_requested).is_(False))
        return _changed(session, wanted.values(state=State.READY, owner=None, note=note, eta_seconds=None))


def cancelled(lease: Lease) -> bool:
    """The worker has seen the cancel request and stopped."""
    with writing() as session:
        values = {
            "state": State.CANCELLED,
            "owner": None,
            "note": "",
            "finished_at": now(),
            "eta_seconds": None,
        }
        if not _changed(session, _held(lease).values(**values)):
            return False
        _skip_descendants(session, lease.job)
        return True


def lose(lease: Lease, seen_beat: int | None = None) -> State | None:
    """The lease is lost: READY again, or DEAD after `CRASH_CAP` crashes with no new checkpoint between.

    Args:
        lease: the attempt that is believed dead.
        seen_beat: only if the heartbeat counter still stands here.
    """
    with writing() as session:
        job = session.get_one(Job, lease.job)
        dead = job.crashes + 1 >= CRASH_CAP
        guarded = _held(lease)
        if seen_beat is not None:
            guarded = guarded.where(col(Job.beat) == seen_beat)
        state = State.DEAD if dead else State.READY
        values: dict[str, Any] = {
            "state": state,
            "owner": None,
            "crashes": Job.crashes + 1,
            "eta_seconds": None,
        }
        values["note"] = "" if dead else "its worker was lost; waits to be taken up again"
        if dead:
            values |= {
                "error": f"its executor died {CRASH_CAP} times without a new checkpoint",
                "finished_at": now(),
            }
        if job.cancel_requested:
            state, values["state"] = State.CANCELLED, State.CANCELLED
        if not _changed(session, guarded.values(**values)):
            return None
        if state is not State.READY:
            _skip_descendants(session, lease.job)
        return state


# ---------------------------------------------------------------- what a person asks for


def cancel(job_id: int) -> State | None:
    """Cancel a job; a running one is only asked to, and stops at its worker's next heartbeat.

    Returns the state it is now in, or None if it had already ended.
    """
    with writing() as session:
        waiting = update(Job).where(col(Job.id) == job_id, col(Job.state).in_(WAITING))
        if _changed(session, waiting.values(state=State.CANCELLED, finished_at=now(), note="")):
            _skip_descendants(session, job_id)
            return State.CANCELLED
        running = update(Job).where(col(Job.id) == job_id, col(Job.state) == State.RUNNING)
        if _changed(session, running.values(cancel_requested=True, note="cancelling")):
            return State.RUNNING
        return None


def retry(job_id: int) -> State | None:
    """Try a broken job again, from its checkpoint if it has one, with what was skipped because of it.

    Returns the state it is now in, or None if it was not FAILED, DEAD or CANCELLED.
    """
    with writing() as session:
        broken = update(Job).where(col(Job.id) == job_id, col(Job.state).in_(BROKEN))
        fresh = {
            "state": State.BLOCKED,
            "tries": 0,
            "crashes": 0,
            "cancel_requested": False,
            "error": None,
            "finished_at": None,
        }
        if not _changed(session, broken.values(**fresh)):
            return None
        _revive_descendants(session, job_id)
        _unblock(session, [job_id])
        return session.get_one(Job, job_id, populate_existing=True).state


def prioritise(job_id: int, priority: int) -> bool:
    """Set a waiting job's priority; higher goes first."""
    with writing() as session:
        waiting = update(Job).where(col(Job.id) == job_id, col(Job.state).in_(WAITING))
        return _changed(session, waiting.values(priority=priority))


# ---------------------------------------------------------------- the sweep


def retry_is_due(job_id: int, attempt: int) -> bool:
    """RETRY_WAIT → READY, by a sweeper that has watched the pause on its own clock."""
    with writing() as session:
        due = update(Job).where(col(Job.id) == job_id, col(Job.attempt) == attempt, col(Job.state) == State.RETRY_WAIT)
        return _changed(session, due.values(state=State.READY))


def unblock_all() -> None:
    """Free or skip BLOCKED jobs whose parents ended in a way nobody passed on."""
    with writing() as session:
        blocked = session.exec(select(Job.id).where(Job.state == State.BLOCKED)).all()
        _unblock(session, [job for job in blocked if job is not None])
        broken = select(JobParent.child).join(Job, col(Job.id) == JobParent.parent)
        broken = broken.where(col(Job.state).in_((*BROKEN, State.SKIPPED)))
        orphans = update(Job).where(col(Job.state) == State.BLOCKED, col(Job.id).in_(broken))
        session.execute(orphans.values(state=State.SKIPPED, finished_at=now()))


# ---------------------------------------------------------------- the graph


def _children(session: Session, job_id: int) -> list[int]:
    return list(session.exec(select(JobParent.child).where(JobParent.parent == job_id)))


def _unblock(session: Session, jobs: Iterable[int]) -> None:
    """READY for each BLOCKED job of `jobs` whose parents all succeeded.

    The rows are locked in order, so of two parents that end at once the later one sees the earlier.
    """
    for job_id in sorted(jobs):
        session.exec(select(Job.id).where(Job.id == job_id).with_for_update()).first()
        pending = (
            select(JobParent.parent)
            .join(Job, col(Job.id) == JobParent.parent)
            .where(JobParent.child == job_id, Job.state != State.SUCCEEDED)
        )
        if session.exec(pending).first() is None:
            blocked = update(Job).where(col(Job.id) == job_id, col(Job.state) == State.BLOCKED)
            session.execute(blocked.values(state=State.READY))


def _descendants(session: Session, job_id: int) -> list[int]:
    found: list[int] = []
    frontier = [job_id]
    while frontier:
        children = session.exec(select(JobParent.child).where(col(JobParent.parent).in_(frontier))).all()
        frontier = [child for child in dict.fromkeys(children) if child not in found]
        found += frontier
    return found


def _skip_descendants(session: Session, job_id: int) -> None:
    below = update(Job).where(col(Job.id).in_(_descendants(session, job_id)), col(Job.state) == State.BLOCKED)
    session.execute(
        below.values(state=State.SKIPPED, finished_at=now(), note=f"job {job_id} before it did not succeed")
    )


def _revive_descendants(session: Session, job_id: int) -> None:
    """SKIPPED → BLOCKED below a retried job, except where another parent is still broken."""
    for child in _descendants(session, job_id):
        broken = (
            select(JobParent.parent)
            .join(Job, col(Job.id) == JobParent.parent)
            .where(JobParent.child == child, col(Job.state).in_((*BROKEN, State.SKIPPED)))
        )
        if session.exec(broken).first() is None:
            skipped = update(Job).where(col(Job.id) == child, col(Job.state) == State.SKIPPED)
            session.execute(skipped.values(state=State.BLOCKED, finished_at=None, note=""))


def is_terminal(state: State) -> bool:
    """Whether a job in this state will not move again by itself."""
    return state in TERMINAL
