"""The sweep: what makes lost messages, dead workers and forgotten children harmless.

Leases and pauses are watched on this process's own monotonic clock: a counter that stands still here for
long enough has lost its lease. No clock of two machines is ever compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from sqlmodel import col, select

from lab.db import graph, jobs
from lab.db.engine import reading, writing
from lab.db.jobs import Lease
from lab.db.tables import Job, State, Worker
from lab.settings import Settings
from lab.tasks import queue
from lab.tasks.identity import is_alive, machine_identity

K = TypeVar("K", bound=Hashable)


class Stillness:
    """How long each thing has looked the same, by the clock of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def older_than(self, seconds: float, things: Iterable[K]) -> list[K]:
        """Those seen unchanged for at least `seconds`; what is not named any more is forgotten."""
        at = self._clock()
        self._since = {thing: self._since.get(thing, at) for thing in things}
        return [thing for thing in self._since if at - self._since[thing] >= seconds]  # type: ignore[misc]


class Sweep:
    """One supervisor's share of looking after all jobs; every supervisor does it, none has to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leases = Stillness()
        self._pauses = Stillness()
        self._workers = Stillness()

    def __call__(self) -> None:
        """Look once."""
        self._reap_local_dead()
        self._reap_leases()
        self._end_pauses()
        graph.settle()
        ring()

    def _running(self) -> list[tuple[int, int, str, int]]:
        with reading() as session:
            wanted = select(Job.id, Job.attempt, Job.owner, Job.beat).where(Job.state == State.RUNNING)
            return [(job or 0, attempt, owner or "", beat) for job, attempt, owner, beat in session.exec(wanted)]

    def _reap_leases(self) -> None:
        for job, attempt, owner, beat in self._leases.older_than(self._settings.lease_seconds, self._running()):
            jobs.lose(Lease(job, attempt, owner), seen_beat=beat)
        with reading() as session:
            alive = [(worker.id, worker.beat) for worker in session.exec(select(Worker).where(Worker.state != "gone"))]
        _gone([worker for worker, _ in self._workers.older_than(self._settings.lease_seconds, alive)])

    def _reap_local_dead(self) -> None:
        """On this machine the process table tells at once which supervisors are dead."""
        with reading() as session:
            here = select(Worker).where(Worker.state != "gone", Worker.machine == machine_identity())
            dead = [worker.id for worker in session.exec(here) if not is_alive(worker)]
        _gone(dead)
        for job, attempt, owner, _ in self._running():
            if owner in dead:
                jobs.lose(Lease(job, attempt, owner))

    def _end_pauses(self) -> None:
        with reading() as session:
            wanted = select(Job.id, Job.attempt).where(col(Job.state) == State.RETRY_WAIT)
            waiting = [(job or 0, attempt) for job, attempt in session.exec(wanted)]
        for job, attempt in self._pauses.older_than(self._settings.retry_seconds, waiting):
            jobs.retry_is_due(job, attempt)


def _gone(workers: list[str]) -> None:
    if workers:
        with writing() as session:
            for worker in session.exec(select(Worker).where(col(Worker.id).in_(workers))):
                worker.state = "gone"


def ring() -> None:
    """Send wake-ups for READY jobs that have none in the queue."""
    with reading() as session:
        wanted = select(Job.id, Job.queue).where(Job.state == State.READY).order_by(col(Job.id))
        ready = [(job or 0, name) for job, name in session.exec(wanted)]
    for name in {name for _, name in ready}:
        jobs_of_queue = [job for job, queue_name in ready if queue_name == name]
        missing = len(jobs_of_queue) - queue.waiting_messages(name)
        queue.wake(name, jobs_of_queue[: max(missing, 0)])
