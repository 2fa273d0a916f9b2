"""Studies and the jobs planned for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, select

from lab.db.engine import reading, writing
from lab.db.graph import below, lock, unblock
from lab.db.jobs import drop, revive
from lab.db.tables import Dataset, Job, JobParent, State, Study, StudyJob
from lab.errors import LabError

_SUBMIT_LOCK = 0x1AC  # on a shared PostgreSQL


class NewJob(Protocol):
    """A planned job; `parents` are keys of other jobs of the same plan, `serves` the methods it is for."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def spec(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def parents(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def makes_book(self) -> bool: ...  # noqa: D102
    @property
    def serves(self) -> tuple[str, ...]: ...  # noqa: D102


def save_dataset(dataset: Dataset) -> None:
    """Record an imported data set; the same digest again only renews name and source."""
    with writing() as session:
        one_at_a_time(session)
        session.merge(dataset)


def known_sources() -> list[Dataset]:
    """The data sets that studies were run on, newest first."""
    with reading() as session:
        wanted = select(Dataset).where(col(Dataset.digest).in_(select(Study.dataset)))
        return list(session.exec(wanted.order_by(col(Dataset.created_at).desc())))


def save_study(study: Study, jobs: Sequence[NewJob], *, max_tries: int, priority: int = 0) -> list[int]:
    """Insert a study with its jobs in one transaction.

    There is one job for each key, shared by all studies that need it; its row and its results stay when a
    study is submitted again. So, of the jobs of the plan,
    - those that succeeded are reused, those waiting or running are joined, a cancel request is withdrawn,
    - those that are FAILED, DEAD or CANCELLED are tried again from their checkpoints, and what was SKIPPED
      because of them waits again, just as `lab retry` would do.

    A study is what was last submitted under its name: it then names exactly the jobs of this plan. Jobs of
    an earlier plan that no study names any more are cancelled if they wait, and go on if they run; all are
    found again by their keys when a study needs them.

    A job that waits is joined with all that it waits for, even where this plan has it in one piece and it is there
    as a join of shards: somebody else submitted it a moment ago.

    Returns:
        the ids of all jobs of the plan, in the plan's order.

    Raises:
        LabError: its data set was cleaned away since it was planned.
    """
    with writing() as session:
        one_at_a_time(session)
        if session.get(Dataset, study.dataset) is None:
            raise LabError(f"study '{study.name}': its data set was cleaned away meanwhile; submit the study again.")
        known = session.exec(select(Study).where(Study.name == study.name)).first()
        if known is not None:
            known.spec, known.dataset, known.base = study.spec, study.dataset, study.base
            study = known
        session.add(study)
        session.flush()
        assert study.id is not None
        earlier = session.exec(select(StudyJob.job).where(StudyJob.study == study.id).distinct()).all()
        session.execute(delete(StudyJob).where(col(StudyJob.study) == study.id))
        ids = _found(session, jobs)
        hidden = _waited_for(session, list(ids.values()))
        touched = {*earlier, *ids.values(), *(shard for shards in hidden.values() for shard in shards)}
        lock(session, touched | below(session, *touched))  # at once: one after the other would not be in their order
        for shard in sorted({shard for shards in hidden.values() for shard in shards}):
            revive(session, shard)
        for job in jobs:
            if job.key in ids and revive(session, ids[job.key]) is not None:
                session.get_one(Job, ids[job.key]).max_tries = max_tries
        new = {job.key: job for job in jobs if job.key not in ids}
        ids |= _insert(session, list(new.values()), ids, max_tries, priority)
        for job in jobs:
            for method in job.serves:
                named = StudyJob(study=study.id, job=ids[job.key], method=method, makes_book=job.makes_book)
                shards = (StudyJob(study=study.id, job=one, method=method) for one in hidden.get(ids[job.key], ()))
                session.add_all([named, *shards])
        session.flush()
        needed = set(session.exec(select(StudyJob.job).where(col(StudyJob.job).in_(earlier))))
        for left in sorted(set(earlier) - needed):
            drop(session, left)
        return [ids[job.key] for job in jobs]


def leaving(study: str, plan: Collection[str]) -> set[int]:
    """The jobs that a study of this name would leave if it became a plan of these keys; none if there is none.

    Shards leave with what they are shards of, and stay with it where the plan has that in one piece.
    """
    named = select(StudyJob.job).join(Study, col(Study.id) == StudyJob.study).where(Study.name == study)
    with reading() as session:
        jobs = session.exec(select(Job.id, Job.key, Job.spec).where(col(Job.id).in_(named)))
        return {job or 0 for job, key, spec in jobs if key not in plan and "shard" not in spec}


def one_at_a_time(session: Session) -> None:
    """Two who submit at once must not both insert what they share; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_SUBMIT_LOCK})"))


def _found(session: Session, jobs: Sequence[NewJob]) -> dict[str, int]:
    """Key → id of those jobs of the plan that are there, in the plan's order."""
    found = session.exec(select(Job.key, Job.id).where(col(Job.key).in_([job.key for job in jobs])))
    known = {key: one or 0 for key, one in found}
    return {job.key: known[job.key] for job in jobs if job.key in known}


def _waited_for(session: Session, planned: Sequence[int]) -> dict[int, list[int]]:
    """Job of the plan that has not succeeded → what it waits for and the plan does not know of."""
    parent = aliased(Job)
    waiting = (
        select(JobParent.child, JobParent.parent)
        .join(Job, col(Job.id) == JobParent.child)
        .join(parent, col(parent.id) == JobParent.parent)
        .where(col(JobParent.child).in_(planned), Job.state != State.SUCCEEDED, parent.state != State.SUCCEEDED)
        .where(col(JobParent.parent).not_in(planned))
        .order_by(col(JobParent.parent))
    )
    hidden: dict[int, list[int]] = {}
    for child, one in session.exec(waiting):
        hidden.setdefault(child, []).append(one)
    return hidden


def _insert(
    session: Session, jobs: Sequence[NewJob], there: Mapping[str, int], max_tries: int, priority: int
) -> dict[str, int]:
    """Key → id of new jobs, whose parents are among them or already `there`; all rows of a kind in one statement.

    A large study would otherwise keep everybody from writing for longer than they wait.
    """
    rows = [
        Job(
            kind=job.kind,
            method=job.method,
            spec=job.spec,
            key=job.key,
            max_tries=max_tries,
            priority=priority,
            state=State.BLOCKED,
        )
        for job in jobs
    ]
    session.add_all(rows)
    session.flush()
    new = {row.key: row.id or 0 for row in rows}
    ids = {**there, **new}
    session.add_all(
        JobParent(child=ids[job.key], parent=ids[key]) for job in jobs for key in dict.fromkeys(job.parents)
    )
    session.flush()
    unblock(session, new.values())
    return new


def add_chat(spec: dict[str, Any], method: str) -> int:
    """Queue one chat answer; it is tried once."""
    with writing() as session:
        job = Job(kind="chat", method=method, queue="chat", spec=spec, key="", max_tries=1, state=State.READY)
        session.add(job)
        session.flush()
        assert job.id is not None
        return job.id
