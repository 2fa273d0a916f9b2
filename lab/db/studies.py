"""Studies and the jobs planned for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlmodel import Session, col, select

from lab.db.engine import writing
from lab.db.tables import BROKEN, Dataset, Job, JobParent, State, Study, StudyJob


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
        session.merge(dataset)


def save_study(study: Study, jobs: Sequence[NewJob], *, max_tries: int, priority: int = 0) -> list[int]:
    """Insert a study with its jobs in one transaction; a job whose key is already known is shared.

    A study of the same name is added to: its spec is replaced, its jobs stay. Broken jobs among those it
    shares are tried again by the caller if wanted.

    Returns:
        the ids of all jobs of the plan, in the plan's order.
    """
    with writing() as session:
        known = session.exec(select(Study).where(Study.name == study.name).with_for_update()).first()
        if known is not None:
            known.spec, known.dataset, known.base = study.spec, study.dataset, study.base
            study = known
        session.add(study)
        session.flush()
        assert study.id is not None
        ids: dict[str, int] = {}
        for job in jobs:
            ids[job.key] = _find(session, job.key) or _insert(session, job, ids, max_tries, priority)
            for method in job.serves:
                session.merge(StudyJob(study=study.id, job=ids[job.key], method=method, makes_book=job.makes_book))
        return [ids[job.key] for job in jobs]


def _find(session: Session, key: str) -> int | None:
    """The job that already computes, or has computed, this key."""
    usable = select(Job.id).where(Job.key == key, col(Job.state).not_in((*BROKEN, State.SKIPPED)))
    return session.exec(usable).first()


def _insert(session: Session, job: NewJob, ids: dict[str, int], max_tries: int, priority: int) -> int:
    parents = [ids[key] for key in job.parents]
    done = select(Job.id).where(col(Job.id).in_(parents), Job.state == State.SUCCEEDED)
    free = len(set(parents)) == len(session.exec(done).all())
    row = Job(
        kind=job.kind,
        method=job.method,
        spec=job.spec,
        key=job.key,
        max_tries=max_tries,
        priority=priority,
        state=State.READY if free else State.BLOCKED,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    session.add_all(JobParent(child=row.id, parent=parent) for parent in dict.fromkeys(parents))
    return row.id


def add_chat(spec: dict[str, Any], method: str) -> int:
    """Queue one chat answer; it is tried once."""
    with writing() as session:
        job = Job(kind="chat", method=method, queue="chat", spec=spec, key="", max_tries=1, state=State.READY)
        session.add(job)
        session.flush()
        assert job.id is not None
        return job.id
