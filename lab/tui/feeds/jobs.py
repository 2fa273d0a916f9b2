"""The jobs, and the log and curves of the one that is selected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.db import queries
from lab.db.queries import JobDetail, JobRow, LogLine
from lab.tui.feeds.log import LogTail

Points = list[tuple[int, float]]
_CHART_SECONDS = 1.0
_REST = 4  # reading the table takes at most one part in this many of the time


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


@dataclass
class JobsFeed:
    """Reads only what is new since the last time."""

    monotonic: Callable[[], float] = time.monotonic
    chart_seconds: float = _CHART_SECONDS
    _jobs: list[JobRow] = field(default_factory=list)
    _study: int | None = None
    _due: float = 0.0
    _detail: JobDetail | None = None
    _tail: LogTail = field(default_factory=LogTail)
    _curves: tuple[Points, Points] = ([], [])
    _curve_of: tuple[int, str] | None = None
    _chart_due: float = 0.0

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
        self._due = 0.0

    def _read_jobs(self, study: int | None) -> None:
        started = self.monotonic()
        if study == self._study and started < self._due:
            return
        jobs = queries.list_jobs(study)
        if jobs != self._jobs or study != self._study:
            self._jobs, self._study = jobs, study
        took = self.monotonic() - started
        self._due = started + took * _REST

    def _read_curves(self, job: JobRow, group: str) -> None:
        started = self.monotonic()
        if (job.id, group) == self._curve_of and started < self._chart_due:
            return
        # The whole curve each time: a mean over groups changes at steps long past as groups come to them.
        self._curve_of = (job.id, group)
        self._curves = queries.curve(job.id, "train", group), queries.curve(job.id, "val", group)
        took = self.monotonic() - started
        self._chart_due = started + max(self.chart_seconds, took * _REST)
