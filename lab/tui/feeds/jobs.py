"""The jobs, and the log and curves of the one that is selected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.db import queries
from lab.db.queries import JobDetail, JobRow, LogLine
from lab.tui.feeds.log import LogTail
from lab.tui.feeds.rest import Rest

Points = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the screen shows: of which study (None: all), which job, which group of its curves."""

    study: int | None
    job: int | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class JobsView:
    """What there is to show."""

    jobs: list[JobRow]
    detail: JobDetail | None
    log: list[LogLine]
    train: Points
    val: Points
    wanted: Wanted


class JobsFeed:
    """Reads what is new since the last time: the table and the curves after a rest, the log line by line."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, chart_seconds: float = 1.0) -> None:
        self._table_rest = Rest(monotonic)
        self._chart_rest = Rest(monotonic, least=chart_seconds)
        self._tail = LogTail()
        self._jobs: list[JobRow] = []
        self._study: int | None = None
        self._detail: JobDetail | None = None
        self._curves: tuple[Points, Points] = ([], [])
        self._curve_of: tuple[int, str] | None = None

    def read(self, wanted: Wanted) -> JobsView:
        """The present view."""
        self._read_jobs(wanted.study)
        job = next((row for row in self._jobs if row.id == wanted.job), None)
        if job is None:
            return JobsView(self._jobs, None, [], [], [], wanted)
        if self._detail is None or self._detail.row != job:
            self._detail = queries.get_job(job.id)
        self._read_curves(job, wanted.group)
        return JobsView(self._jobs, self._detail, self._tail.read(job.id), *self._curves, wanted)

    def hurry(self) -> None:
        """Read the table at once: something was just done to a job."""
        self._table_rest.end()

    def _read_jobs(self, study: int | None) -> None:
        if study == self._study and not self._table_rest.over:
            return
        with self._table_rest.after():
            jobs = queries.list_jobs(study)
        if jobs != self._jobs or study != self._study:
            self._jobs, self._study = jobs, study

    def _read_curves(self, job: JobRow, group: str) -> None:
        if (job.id, group) == self._curve_of and not self._chart_rest.over:
            return
        # The whole curve each time: a mean over groups changes at steps long past as groups come to them.
        self._curve_of = (job.id, group)
        with self._chart_rest.after():
            self._curves = queries.curve(job.id, "train", group), queries.curve(job.id, "val", group)
