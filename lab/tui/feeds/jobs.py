"""The jobs, and the one that is selected."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lab.db import queries
from lab.db.job_table import JobTable
from lab.db.queries import JobRow
from lab.db.tables import WAITING
from lab.settings import load_settings
from lab.tui.feeds.job import JobFeed, JobView
from lab.tui.feeds.order import in_order, queue_places
from lab.tui.feeds.rest import Rest
from lab.tui.feeds.status import Status
from lab.tui.feeds.why import Hands, Queue, why

_TABLE_SHARE = 10  # of a reading of the table, to rest after it: of ten thousand jobs it takes from the keys' time


@dataclass(frozen=True, slots=True)
class JobsView:
    """What there is to show: every job in the order of the queue, and more of the one under the cursor."""

    jobs: list[JobRow]
    job: JobView | None
    places: Mapping[int, int] = field(default_factory=dict)  # of jobs that are READY: 1 is taken next


class JobsFeed:
    """Reads what is new since the last time: the table after a rest, the selected job as it goes on.

    Screens share it, so that the page of a job need not read ten thousand others first; one reads at a time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, chart_seconds: float = 1.0) -> None:
        self._monotonic = monotonic
        self._reading = threading.Lock()
        self._table_rest = Rest(monotonic, share=_TABLE_SHARE)
        self._job = JobFeed(monotonic, chart_seconds)
        self._table = JobTable()
        self._read: list[JobRow] = []  # as the table gave it
        self._jobs: list[JobRow] = []  # in the order of the queue
        self._by_id: dict[int, JobRow] = {}
        self._places: dict[int, int] = {}
        self._failed: dict[tuple[int, int], float] = {}  # (job, attempt) in RETRY_WAIT → when we first saw it

    def read(self, job: int | None, group: str = "", status: Status | None = None) -> JobsView:
        """The present view; `status` is how the lab is, for why the selected job waits."""
        with self._reading:
            self._read_jobs()
            row = self._by_id.get(job or 0)
            return JobsView(self._jobs, self._read_job(row, group, status) if row else None, self._places)

    def page(self, job: int, group: str, status: Status | None) -> JobView:
        """One job alone.

        Raises:
            LabError: there is no such job.
        """
        view = self.read(job, group, status).job
        return view or self._job.read(job, group)

    def hurry(self) -> None:
        """Read the table at once: something was just done to a job."""
        self._table_rest.end()

    def _read_jobs(self) -> None:
        if not self._table_rest.over:
            return
        with self._table_rest.after():
            jobs = self._table.read()
            if jobs is not self._read:
                self._read = jobs
                self._jobs, self._by_id = in_order(jobs), {row.id: row for row in jobs}
                self._places = queue_places(jobs)
                now = self._monotonic()
                failed = [(row.id, row.attempt) for row in jobs if row.state == "RETRY_WAIT"]
                self._failed = {one: self._failed.get(one, now) for one in failed}

    def _read_job(self, row: JobRow, group: str, status: Status | None) -> JobView:
        view = self._job.read(row.id, group, row)
        return replace(view, why=tuple(why(row, self._queue(status)))) if row.state in WAITING else view

    def _queue(self, status: Status | None) -> Queue:
        status = status or Status()
        lease = load_settings().lease_seconds
        alive = [worker for worker in queries.list_workers() if status.silence.get(worker.id, 0.0) < lease]
        hands = Hands.of(alive, status.silent, status.paused.by if status.paused else "")
        ends, now = load_settings().retry_seconds, self._monotonic()
        pauses = {job: since + ends - now for (job, _), since in self._failed.items()}
        return Queue(self._by_id, self._places, hands, pauses)
