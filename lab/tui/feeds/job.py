"""One job: what it is, its curves and its log."""

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
class JobView:
    """What there is to show of one job."""

    detail: JobDetail
    log: list[LogLine]
    train: Points
    val: Points
    group: str  # whose curves they are; "": the mean over groups
    why: tuple[str, ...] = ()  # it waits, the nearest reason first

    @property
    def has_curve(self) -> bool:
        """Whether there is a curve to draw."""
        return bool(self.train or self.val)


class JobFeed:
    """Reads what is new of one job since the last time: the curves after a rest, the log line by line."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, chart_seconds: float = 1.0) -> None:
        self._chart_rest = Rest(monotonic, least=chart_seconds)
        self._tail = LogTail()
        self._detail: JobDetail | None = None
        self._curves: tuple[Points, Points] = ([], [])
        self._curve_of: tuple[int, str] | None = None

    def read(self, job: int, group: str, row: JobRow | None = None) -> JobView:
        """The present view; `row` saves reading the job where it is known to be as it was."""
        if row is None or self._detail is None or self._detail.row != row:
            self._detail = queries.get_job(job)
        self._read_curves(job, group)
        return JobView(self._detail, self._tail.read(job), *self._curves, group)

    def _read_curves(self, job: int, group: str) -> None:
        if (job, group) == self._curve_of and not self._chart_rest.over:
            return
        # The whole curve each time: a mean over groups changes at steps long past as groups come to them.
        self._curve_of = (job, group)
        with self._chart_rest.after():
            self._curves = queries.curve(job, "train", group), queries.curve(job, "val", group)
