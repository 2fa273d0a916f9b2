"""What must be true of the rows at any moment, checked after every fault test. `docs/design.md`, section 8."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlmodel import Session, select

from lab.db.engine import reading_at_once
from lab.db.jobs import CRASH_CAP
from lab.db.tables import BROKEN, TERMINAL, Job, JobLog, JobParent, Score, State, StudyJob

# Every move that the lab itself makes …
MOVES = {
    (State.BLOCKED, State.READY),
    (State.BLOCKED, State.SKIPPED),
    (State.READY, State.RUNNING),
    (State.RUNNING, State.SUCCEEDED),
    (State.RUNNING, State.RETRY_WAIT),
    (State.RUNNING, State.FAILED),
    (State.RUNNING, State.READY),
    (State.RUNNING, State.DEAD),
    (State.RUNNING, State.CANCELLED),
    (State.RETRY_WAIT, State.READY),
    (State.BLOCKED, State.CANCELLED),
    (State.READY, State.CANCELLED),
    (State.RETRY_WAIT, State.CANCELLED),
}
# … and those that a person asks for by trying again, or by submitting a study again.
SECOND_CHANCES = {
    *((broken, state) for broken in BROKEN for state in (State.BLOCKED, State.READY)),
    (State.CANCELLED, State.SKIPPED),
    (State.SKIPPED, State.BLOCKED),
    (State.SKIPPED, State.CANCELLED),  # what it waited for gets another chance, but no study needs it any more
}


@dataclass
class _Rows:
    jobs: dict[int, Job]
    parents: dict[int, list[Job]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def load(cls, session: Session) -> _Rows:
        rows = cls({job.id or 0: job for job in session.exec(select(Job))})
        for edge in session.exec(select(JobParent)):
            rows.parents[edge.child].append(rows.jobs[edge.parent])
        return rows


def check_invariants(verify: Callable[[str, str], None] | None = None) -> list[str]:
    """Every broken invariant, one sentence each; empty when all is well.

    Args:
        verify: raises unless the artifact in this folder is what the manifest of this digest says.
    """
    with reading_at_once() as session:
        rows = _Rows.load(session)
        found = [sentence for job in rows.jobs.values() for sentence in _job(job)]
        found += _graph(rows)
        found += _commits(rows, verify)
        found += _devices(rows)
        found += _foreign(session, rows)
    return found


def _job(job: Job) -> Iterator[str]:
    """One row by itself."""
    name, running = f"job {job.id} ({job.state})", job.state is State.RUNNING
    rules = {
        "an owner and RUNNING belong together": (job.owner is not None) == running,
        "it must have been claimed": job.attempt > 0 or job.state not in (State.RUNNING, State.SUCCEEDED),
        "finished_at and an end belong together": (job.finished_at is not None) == (job.state in TERMINAL),
        "only a running job is asked to stop": running or not job.cancel_requested,
        "tries are spent": job.tries < job.max_tries or job.state in TERMINAL,
        "crashes are at the cap": job.crashes < CRASH_CAP or job.state in (State.DEAD, State.CANCELLED),
        "a broken job says why": job.error is not None or job.state not in (State.FAILED, State.DEAD),
        "a step without a checkpoint": job.checkpoint is not None or job.checkpoint_step == 0,
        "counters are not negative": min(job.attempt, job.beat, job.tries, job.crashes, job.checkpoint_step) >= 0,
    }
    yield from (f"{name}: {rule}" for rule, holds in rules.items() if not holds)


def _graph(rows: _Rows) -> Iterator[str]:
    """No child before its parents, and nobody waits in vain."""
    broken = (*BROKEN, State.SKIPPED)
    for child, parents in rows.parents.items():
        state = rows.jobs[child].state
        ended_well = all(parent.state is State.SUCCEEDED for parent in parents)
        ended_badly = any(parent.state in broken for parent in parents)
        if state not in (State.BLOCKED, State.SKIPPED, State.CANCELLED) and not ended_well:
            yield f"job {child} is {state} before its parents have succeeded"
        if state is State.BLOCKED and ended_well:
            yield f"job {child} is BLOCKED by nothing"
        if state is State.BLOCKED and ended_badly:
            yield f"job {child} is BLOCKED below a job that will not succeed"
        if state is State.SKIPPED and not ended_badly:
            yield f"job {child} is SKIPPED though nothing before it is broken"
        if any((parent.id or 0) >= child for parent in parents):
            yield f"job {child} is older than a parent"
    for job in rows.jobs.values():
        if job.state in (State.BLOCKED, State.SKIPPED) and not rows.parents.get(job.id or 0):
            yield f"job {job.id} is {job.state} without a parent"


def _commits(rows: _Rows, verify: Callable[[str, str], None] | None) -> Iterator[str]:
    """One commit for each key, with an artifact that verifies; no result without a commit."""
    keys = Counter(job.key for job in rows.jobs.values() if job.key)
    yield from (f"{count} jobs have the key {key[:12]}" for key, count in keys.items() if count > 1)
    for job in rows.jobs.values():
        if job.state is not State.SUCCEEDED:
            if job.artifact is not None or job.result is not None:
                yield f"job {job.id} is {job.state} but has a result"
            continue
        if job.artifact is None or job.manifest is None or job.result is None:
            yield f"job {job.id} is SUCCEEDED without a result"
        elif job.kind != "chat" and verify is not None:
            try:
                verify(job.artifact, job.manifest)
            except Exception as error:
                yield f"job {job.id}: {error}"


def _devices(rows: _Rows) -> Iterator[str]:
    """At most one job of a queue on a device of a worker."""
    running = [job for job in rows.jobs.values() if job.state is State.RUNNING]
    busy = Counter((job.owner, job.queue, job.device) for job in running)
    for (owner, queue, device), count in busy.items():
        if count > 1:
            yield f"{owner} runs {count} {queue} jobs on {device}"


def _foreign(session: Session, rows: _Rows) -> Iterator[str]:
    """What other tables say of jobs."""
    for job in set(session.exec(select(Score.job).distinct())):
        if rows.jobs[job].state is not State.SUCCEEDED:
            yield f"job {job} is {rows.jobs[job].state} but has scores"
    for line in session.exec(select(JobLog.job, JobLog.attempt).distinct()):
        if line[1] > rows.jobs[line[0]].attempt:
            yield f"job {line[0]} has a log of attempt {line[1]}, which never was"
    named: dict[int, set[int]] = defaultdict(set)
    for study, job in session.exec(select(StudyJob.study, StudyJob.job)):
        named[study].add(job)
    for study, jobs in named.items():
        for job in jobs:
            # What has succeeded is not waited for: it may be another study's, which this one extends.
            missing = {one.id for one in rows.parents.get(job, []) if one.state is not State.SUCCEEDED} - jobs
            if missing:
                yield f"study {study} names job {job} but not {missing}, which it waits for"
