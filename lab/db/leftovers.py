"""Rows that nobody needs any more, and how they go: what stands on others first, in short transactions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, delete, select, update

from lab.db.engine import reading, reading_at_once, writing
from lab.db.jobs import drop, locked
from lab.db.studies import one_at_a_time
from lab.db.tables import (
    UNFINISHED,
    WAITING,
    ChatReply,
    Dataset,
    Job,
    JobLog,
    JobParent,
    RunMetric,
    Score,
    State,
    Study,
    StudyJob,
    Worker,
    now,
)
from lab.errors import LabError

_LONGEST_SECONDS = 1.0  # a transaction after which workers may write again
_AT_MOST, _AT_ONCE = 1000, 50  # jobs of a transaction and of a statement


@dataclass(frozen=True, slots=True)
class Unneeded:
    """Rows that may go, by their keys."""

    jobs: frozenset[int]  # answers too
    answers: frozenset[int]
    datasets: dict[str, str]  # digest → folder
    workers: frozenset[str]


@dataclass(frozen=True, slots=True)
class JobFiles:
    """What a job's row says of its folders, relative to the artifacts folder."""

    state: State
    attempt: int
    artifact: str | None
    manifest: str | None
    checkpoint: str | None


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    method: str
    state: State
    artifact: str | None
    finished_at: datetime | None


# ---------------------------------------------------------------- what may go


def unneeded(keep: timedelta, without: str | None = None) -> Unneeded:
    """What nobody needs; `without` names a study to be seen as given up already.

    A job is needed if a study names it, if it has not ended, or if one that is needed stands on it. A data set is
    needed by studies and by jobs. Answers, and workers that are gone, are needed for as long as they are to be kept.
    """
    with reading_at_once() as session:
        return find_unneeded(session, keep, without)


def find_unneeded(session: Session, keep: timedelta, without: str | None = None) -> Unneeded:
    """The same, within a transaction."""
    oldest = now() - keep
    jobs, answers = _spare_jobs(session, oldest, without)
    return Unneeded(jobs, answers, _spare_datasets(session, jobs, without), _spare_workers(session, oldest))


def _spare_jobs(session: Session, oldest: datetime, without: str | None) -> tuple[frozenset[int], frozenset[int]]:
    """All jobs that nobody needs, and the answers among them."""
    columns = (Job.id, Job.kind, Job.method, Job.state, Job.artifact, Job.finished_at)
    rows = {job: _Row(*row) for job, *row in session.exec(select(*columns))}  # type: ignore[call-overload]
    named, given_up = _named(session, without)
    needed, newest = set(named), max(rows, default=0)
    answers: set[int] = set()
    for job, row in rows.items():
        if row.state in UNFINISHED:
            if job not in given_up or row.state not in WAITING:
                needed.add(job)
        elif row.kind == "chat":
            old = row.finished_at is not None and row.finished_at <= oldest
            (answers if old and not _holds_its_number(job, row, newest) else needed).add(job)
    books = _awaited_books(session)
    needed |= {job for job, row in rows.items() if row.artifact in books}
    return frozenset(set(rows) - _with_parents(session, needed)), frozenset(answers)


def _named(session: Session, without: str | None) -> tuple[set[int], set[int]]:
    """The jobs that studies name, and those that only the study to be given up does."""
    named: set[int] = set()
    given_up: set[int] = set()
    for job, name in session.exec(select(StudyJob.job, Study.name).join(Study, col(Study.id) == StudyJob.study)):
        (given_up if name == without else named).add(job)
    return named, given_up - named


def _awaited_books(session: Session) -> set[str]:
    """Folders of the recipe books that unfinished answers read."""
    unfinished = select(Job.spec).where(Job.kind == "chat", col(Job.state).in_(UNFINISHED))
    return {str(spec.get("book")) for spec in session.exec(unfinished)}


def _with_parents(session: Session, jobs: set[int]) -> set[int]:
    """The jobs and all that they stand on."""
    parents = defaultdict(list)
    for child, parent in session.exec(select(JobParent.child, JobParent.parent)):
        parents[child].append(parent)
    found, frontier = set(jobs), list(jobs)
    while frontier:
        higher = [parent for parent in parents[frontier.pop()] if parent not in found]
        found.update(higher)
        frontier += higher
    return found


def _spare_datasets(session: Session, gone: Iterable[int], without: str | None) -> dict[str, str]:
    used = set(session.exec(select(Study.dataset).where(Study.name != (without or ""))))
    readers = (col(Job.kind) != "chat") | col(Job.state).in_(UNFINISHED)
    left = set(gone)
    specs = session.exec(select(Job.id, Job.spec).where(readers))
    used |= {str(spec.get("data")) for job, spec in specs if job not in left}
    return {row.digest: row.folder for row in session.exec(select(Dataset)) if row.digest not in used}


def _spare_workers(session: Session, oldest: datetime) -> frozenset[str]:
    owners = set(session.exec(select(Job.owner).where(Job.state == State.RUNNING)))
    gone = session.exec(select(Worker.id).where(Worker.state == "gone", Worker.seen_at <= oldest))
    return frozenset(set(gone) - owners)


def job_files(session: Session) -> dict[int, JobFiles]:
    """Job → its folders."""
    columns = (Job.id, Job.state, Job.attempt, Job.artifact, Job.manifest, Job.checkpoint)
    return {job: JobFiles(*row) for job, *row in session.exec(select(*columns))}  # type: ignore[call-overload]


# ---------------------------------------------------------------- how it goes


def check_study(name: str) -> None:
    """Refuse to give up a study that is not there or that another one extends.

    Raises:
        LabError: says which.
    """
    with reading() as session:
        _study(session, name)


def _study(session: Session, name: str) -> Study:
    studies = {study.name: study for study in session.exec(select(Study))}
    if name not in studies:
        raise LabError(f"there is no study '{name}'; `lab status` lists them.")
    for other in studies.values():
        if other.spec.get("extends") == name:
            raise LabError(f"study '{other.name}' extends '{name}'; give that one up first.")
    return studies[name]


def delete_study(name: str) -> list[int]:
    """Give a study up: of the jobs that nobody else needs, those that wait are cancelled and running ones are asked
    to stop. Their rows and artifacts stay until they are cleaned away.

    Returns:
        the ids of those asked to stop.

    Raises:
        LabError: there is no such study, or another one extends it.
    """
    with writing() as session:
        one_at_a_time(session)
        study = _study(session, name)
        _, given_up = _named(session, name)
        session.execute(delete(StudyJob).where(col(StudyJob.study) == study.id))
        session.delete(study)
        session.flush()
        stopping = []
        for one in sorted(given_up):
            job = locked(session, one)
            if job is not None and job.state is State.RUNNING:
                job.cancel_requested, job.note = True, "cancelling"
                stopping.append(one)
            else:
                drop(session, one)
        return stopping


def delete_jobs(keep: timedelta, tell: Callable[[int], None] = lambda _: None) -> Unneeded:
    """Delete the jobs that nobody needs, with their curves, logs, scores and answers, and the rows of workers.

    Their keys go with them, so a later study computes anew what they were. Other processes may write in between:
    what somebody needs by then stays.

    Args:
        keep: how old answers and gone workers have to be.
        tell: called with the number of jobs deleted so far.

    Returns:
        what went; of data sets nothing, those have folders (`delete_dataset`).
    """
    jobs: set[int] = set()
    answers: set[int] = set()
    while True:
        with writing() as session:
            one_at_a_time(session)
            oldest = now() - keep
            went, of_chat = _delete_some(session, oldest)
        jobs |= went
        answers |= of_chat
        tell(len(jobs))
        if not went:
            break
    with writing() as session:
        workers = _spare_workers(session, oldest)
        session.execute(delete(Worker).where(col(Worker.id).in_(workers)))
    return Unneeded(frozenset(jobs), frozenset(answers), {}, workers)


def _delete_some(session: Session, oldest: datetime) -> tuple[set[int], set[int]]:
    """As many as go in a second, the newest first: nothing is left standing on what is gone."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    found = sorted(_spare_jobs(session, oldest, None)[0], reverse=True)[:_AT_MOST]
    # Nobody revives a job of these from here on; whoever did before is seen when they are looked at again.
    session.exec(select(Job.id).where(col(Job.id).in_(found)).order_by(col(Job.id)).with_for_update()).all()
    still, answers = _spare_jobs(session, oldest, None)
    newest = session.exec(select(func.max(Job.id))).one() or 0
    todo = [job for job in found if job in still]
    went: set[int] = set()
    while todo and (not went or time.monotonic() < deadline):  # some go however slow it is, or it would be given up
        some, todo = todo[:_AT_ONCE], todo[_AT_ONCE:]
        _delete(session, some, newest)
        went.update(some)
    return went, went & answers


def _delete(session: Session, jobs: list[int], newest: int) -> None:
    for table in (RunMetric, JobLog, Score, ChatReply):
        session.execute(delete(table).where(col(table.job).in_(jobs)))
    session.execute(delete(JobParent).where(col(JobParent.child).in_(jobs)))
    session.execute(delete(Job).where(col(Job.id).in_(jobs), col(Job.id) != newest))
    if newest in jobs:
        session.execute(update(Job).where(col(Job.id) == newest).values(**_NUMBER_ONLY, finished_at=now()))


# The newest row stays until there is a newer one, or SQLite would give its number out again, and an attempt that
# somebody still believes to be running could be taken for one of the new job. It looks like an answer to nobody, and
# goes when answers of its age do.
_NUMBER_ONLY: dict[str, Any] = {
    "kind": "chat",
    "method": "",
    "queue": "chat",
    "spec": {},
    "key": "",
    "state": State.CANCELLED,
    "error": None,
    "checkpoint": None,
    "checkpoint_step": 0,
    "artifact": None,
    "manifest": None,
    "result": None,
}


def _holds_its_number(job: int, row: _Row, newest: int) -> bool:
    return job == newest and row.kind == "chat" and not row.method


def delete_dataset(digest: str, put_away: Callable[[str], None]) -> bool:
    """Delete the row of a data set that nobody uses; its folder is `put_away` before anybody can use it again.

    Returns whether it went.
    """
    with writing() as session:
        one_at_a_time(session)
        dataset = session.get(Dataset, digest)
        if dataset is None or digest not in _spare_datasets(session, (), None):
            return False
        session.delete(dataset)
        session.flush()
        put_away(dataset.folder)
        return True
