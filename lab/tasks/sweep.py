"""The sweep: what makes lost messages, dead workers and forgotten children harmless.

Leases and pauses are watched on this process's own monotonic clock: a counter that stands still here for
long enough has lost its lease. No clock of two machines is ever compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlmodel import col, select

from lab.db import graph, jobs, workers
from lab.db.engine import reading
from lab.db.leases import Lease
from lab.db.pause import paused
from lab.db.tables import Job, State, Worker
from lab.settings import Settings
from lab.tasks import queue
from lab.tasks.identity import is_alive, machine_identity

K = TypeVar("K", bound=Hashable)

_LONG_SWEEP_SECONDS = 5.0  # a sweep that is merely slow
_AT_ONCE = 64  # wake-ups sent by one sweep; each of them sets a lane to work until nothing is READY


class Stillness(Generic[K]):
    """How long each thing has looked the same, by the clock of this process.

    A watcher that was itself asleep (stopped, or its machine suspended) does not know what stood still in
    the meantime, so it begins anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[K, float] = {}
        self._looked = -math.inf

    def older_than(self, seconds: float, things: Iterable[K]) -> list[K]:
        """Those seen unchanged for at least `seconds`; what is not named any more is forgotten."""
        at = self._clock()
        slept = at - self._looked > max(seconds / 2, _LONG_SWEEP_SECONDS)
        known = {} if slept else self._since
        self._since = {thing: known.get(thing, at) for thing in things}
        self._looked = at
        return [thing for thing, since in self._since.items() if at - since >= seconds]


@dataclass(frozen=True, slots=True)
class _Running:
    lease: Lease
    beat: int


class Sweep:
    """One supervisor's share of looking after all jobs; every supervisor does it, none has to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leases: Stillness[_Running] = Stillness()
        self._pauses: Stillness[tuple[int, int]] = Stillness()
        self._workers: Stillness[tuple[str, int]] = Stillness()

    def __call__(self) -> None:
        """Look once."""
        reap_local_dead()
        self._reap_leases()
        self._end_pauses()
        graph.settle()
        ring()

    def _reap_leases(self) -> None:
        for still in self._leases.older_than(self._settings.lease_seconds, _running()):
            jobs.lose(still.lease, seen_beat=still.beat)
        with reading() as session:
            at_work = session.exec(select(Worker).where(col(Worker.state).in_(workers.AT_WORK)))
            alive = [(worker.id, worker.beat) for worker in at_work]
        workers.give_up([worker for worker, _ in self._workers.older_than(self._settings.lease_seconds, alive)])

    def _end_pauses(self) -> None:
        with reading() as session:
            wanted = select(Job.id, Job.attempt).where(col(Job.state) == State.RETRY_WAIT)
            waiting = [(job or 0, attempt) for job, attempt in session.exec(wanted)]
        for job, attempt in self._pauses.older_than(self._settings.retry_seconds, waiting):
            jobs.retry_is_due(job, attempt)


def _running() -> list[_Running]:
    with reading() as session:
        wanted = select(Job.id, Job.attempt, Job.owner, Job.beat).where(Job.state == State.RUNNING)
        return [
            _Running(Lease(job or 0, attempt, owner or ""), beat) for job, attempt, owner, beat in session.exec(wanted)
        ]


def reap_local_dead() -> None:
    """Mark the dead supervisors of this machine, whose jobs go on elsewhere: the process table tells at once."""
    running = _running()
    owners = {job.lease.owner for job in running}
    with reading() as session:
        # The owner of a running job counts even where its row says gone: it may have died in between.
        concerned = col(Worker.state).in_(workers.AT_WORK) | col(Worker.id).in_(owners)
        here = session.exec(select(Worker).where(concerned, Worker.machine == machine_identity()))
        dead = [worker.id for worker in here if not is_alive(worker)]
    for job in running:
        if job.lease.owner in dead:
            jobs.lose(job.lease)
    workers.give_up(dead)


def ring() -> None:
    """Send wake-ups for READY jobs that have none in the queue; to a paused one nobody needs to wake."""
    for name in (queue.WORK, queue.CHAT):
        if paused(name):
            continue
        with reading() as session:
            wanted = select(Job.id).where(Job.queue == name, Job.state == State.READY).order_by(col(Job.id))
            ready = [job or 0 for job in session.exec(wanted.limit(_AT_ONCE))]
        sent = queue.waiting_messages(name) if ready else None
        if sent is not None:
            queue.wake(name, ready[sent:])
