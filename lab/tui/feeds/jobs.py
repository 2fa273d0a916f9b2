"""The jobs, and the one that is selected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.db import queries
from lab.db.queries import JobRow
from lab.tui.feeds.job import JobFeed, JobView
from lab.tui.feeds.rest import Rest


@dataclass(frozen=True, slots=True)
class JobsView:
    """What there is to show: every job, and more of the one under the cursor."""

    jobs: list[JobRow]
    job: JobView | None


class JobsFeed:
    """Reads what is new since the last time: the table after a rest, the selected job as it goes on."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, chart_seconds: float = 1.0) -> None:
        self._table_rest = Rest(monotonic)
        self._job = JobFeed(monotonic, chart_seconds)
        self._jobs: list[JobRow] = []

    def read(self, job: int | None, group: str = "") -> JobsView:
        """The present view."""
        self._read_jobs()
        row = next((row for row in self._jobs if row.id == job), None)
        return JobsView(self._jobs, self._job.read(row.id, group, row) if row else None)

    def hurry(self) -> None:
        """Read the table at once: something was just done to a job."""
        self._table_rest.end()

    def _read_jobs(self) -> None:
        if not self._table_rest.over:
            return
        with self._table_rest.after():
            jobs = queries.list_jobs()
        if jobs != self._jobs:
            self._jobs = jobs
