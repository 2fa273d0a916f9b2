"""The table of jobs, read again and again by a screen: only what has moved since the last time is made anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import String, func, type_coerce
from sqlalchemy import select as columns_of
from sqlmodel import Session, col

from lab.db.engine import reading
from lab.db.queries import JOB_COLUMNS, JobRow, job_row, pending_parents, studies_of
from lab.db.tables import Job, State, StudyJob

_RESTLESS = (State.RUNNING, State.RETRY_WAIT)  # change without moving: progress, losses, notes
_FEW = 500  # ids in one question

_Mark = tuple[str, int, int, int]  # state, attempt, priority, beat


class JobTable:
    """Every job but chat answers, newest first. A row that is as it was stays the same object.

    A job that stands still is known by its state, attempt, priority and beat, and by the studies that it serves: of
    ten thousand, these few numbers are read, and rows only of those that run or have moved.
    """

    def __init__(self) -> None:
        self._rows: dict[int, JobRow] = {}
        self._marks: dict[int, _Mark] = {}
        self._list: list[JobRow] = []
        self._links: list[tuple[int, str]] = []

    def read(self) -> list[JobRow]:
        """The rows as they are now: the list of the last time if no row has changed."""
        with reading() as session:
            links = _links(session)
            known = self._rows if links == self._links else {}
            marks = _marks(session)
            moved = [job for job, mark in marks.items() if job not in known or self._moved(job, mark)]
            new = {row.id: row for row in _rows(session, moved)}
            waiting = pending_parents(session)
        found = {}
        for job in marks:
            if (row := new.get(job) or known.get(job)) is not None:  # else it went in between
                parents = tuple(waiting.get(job, ()))
                row = row if row.waits_for == parents else replace(row, waits_for=parents)
                found[job] = before if (before := self._rows.get(job)) == row else row
        # Newest first in either: as many rows, each the object that it was, stand in the same order.
        if len(found) != len(self._rows) or any(self._rows.get(job) is not row for job, row in found.items()):
            self._list = list(found.values())
        self._rows, self._marks, self._links = found, marks, links
        return self._list

    def _moved(self, job: int, mark: _Mark) -> bool:
        return mark[0] in _RESTLESS or mark != self._marks[job]


def _links(session: Session) -> list[tuple[int, str]]:
    """Every study and its jobs, as one text: rows that others replaced are of another text, whatever their number."""
    study, jobs = col(StudyJob.study), func.aggregate_strings(func.cast(col(StudyJob.job), String), ",")
    found = session.execute(columns_of(study, jobs).group_by(study).order_by(study))
    return [(of, text) for of, text in found]


def _marks(session: Session) -> dict[int, _Mark]:
    state = type_coerce(col(Job.state), String)
    wanted = columns_of(col(Job.id), state, col(Job.attempt), col(Job.priority), col(Job.beat))
    found = session.execute(wanted.where(col(Job.kind) != "chat").order_by(col(Job.id).desc()))
    return {job: (state, attempt, priority, beat) for job, state, attempt, priority, beat in found}


def _rows(session: Session, jobs: list[int]) -> Iterable[JobRow]:
    wanted = columns_of(*JOB_COLUMNS).where(col(Job.kind) != "chat")
    if len(jobs) <= _FEW:
        wanted = wanted.where(col(Job.id).in_(jobs))
    studies = studies_of(session, jobs if len(jobs) <= _FEW else None)
    return [job_row(job, (), studies.get(job[0], ())) for job in session.execute(wanted)]
