"""The jobs that one job stands on, and those that stand on it, near and far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select as columns_of
from sqlmodel import Session, col, func, select

from lab.db.engine import reading_at_once
from lab.db.queries import part_of, split_of, titled
from lab.db.tables import Job, JobParent, State, StudyJob
from lab.errors import LabError

_AT_ONCE = 500  # ids in one statement
_SHORT = tuple(col(column) for column in (Job.id, Job.kind, Job.method, Job.state, Job.progress, Job.spec))


@dataclass(frozen=True, slots=True)
class Relative:
    """One of them, in short."""

    id: int
    kind: str
    method: str
    state: State
    progress: float  # 0…1
    studies: int  # that it serves
    part: str = ""  # "1/2": the first of two shards

    split: str = ""  # that it is evaluated on

    @property
    def title(self) -> str:
        """`hybrid/val 1/2`, as in the table of jobs."""
        return titled(self.method, self.split, self.part)


@dataclass(frozen=True, slots=True)
class Family:
    """A job with all above and below it."""

    job: int
    members: Mapping[int, Relative]
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # of the job and of all above it
    children: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # of the job and of all below it


def family(job: int) -> Family:
    """All that this job stands on, and all that stands on it.

    Raises:
        LabError: there is no such job.
    """
    with reading_at_once() as session:
        parents = _reached(session, job, above=True)
        children = _reached(session, job, above=False)
        members = _relatives(session, {job, *parents, *children})
    if job not in members:
        raise LabError(f"there is no job {job}; `lab jobs` lists them.")
    return Family(job, members, _known(parents, members), _known(children, members))


def _reached(session: Session, job: int, *, above: bool) -> dict[int, tuple[int, ...]]:
    """Job → its neighbours one step up (or down), for the job and for all that is reached from it."""
    here, there = (JobParent.child, JobParent.parent) if above else (JobParent.parent, JobParent.child)
    found: dict[int, list[int]] = {}
    frontier = {job}
    while frontier:
        found |= {one: [] for one in frontier}
        for some in _portions(frontier):
            for one, other in session.exec(select(here, there).where(col(here).in_(some)).order_by(col(there))):
                found[one].append(other)
        frontier = {other for one in frontier for other in found[one]} - found.keys()
    return {one: tuple(others) for one, others in found.items()}


def _relatives(session: Session, jobs: Iterable[int]) -> dict[int, Relative]:
    found: dict[int, Relative] = {}
    for some in _portions(jobs):
        serves = select(StudyJob.job, func.count(col(StudyJob.study).distinct())).where(col(StudyJob.job).in_(some))
        studies = dict(session.exec(serves.group_by(col(StudyJob.job))).all())
        wanted = columns_of(*_SHORT).where(col(Job.id).in_(some))
        for job, kind, method, state, progress, spec in session.execute(wanted):
            found[job] = Relative(
                job, kind, method, state, progress, studies.get(job, 0), part_of(spec), split_of(spec)
            )
    return found


def _portions(jobs: Iterable[int]) -> Iterable[list[int]]:
    ids = sorted(jobs)
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


def _known(edges: Mapping[int, tuple[int, ...]], members: Mapping[int, Relative]) -> dict[int, tuple[int, ...]]:
    """Without jobs that have gone from the table meanwhile."""
    return {one: tuple(other for other in others if other in members) for one, others in edges.items()}
