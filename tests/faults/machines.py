"""Faults of whole machines: one that sleeps past its lease, clocks that are wrong, two workers on one device."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import time

import psutil
from planned import all_jobs, job

from faults.arena import LEASE, PATIENCE, Arena
from lab.settings import load_settings


def zombie(arena: Arena) -> None:
    """A worker is stopped past its lease, alone or with its executor, and goes on when its job has another owner."""
    far = arena.worker("far", FAULTS_MACHINE="far away")
    for turn in range(arena.times(6, 1)):
        ids = arena.bunch(3, steps=30, pause=0.1, checkpoint_every=5)
        _wait_for_work(arena, ids)
        time.sleep(arena.rng.uniform(0.2, 0.8))
        with_executor = arena.executors(far) if turn % 2 else []
        _freeze(arena, far)
        _signal(with_executor, signal.SIGSTOP)
        arena.hurt()
        near = arena.worker("near")
        time.sleep(LEASE * arena.rng.uniform(1.2, 1.6))
        far.send_signal(signal.SIGCONT)
        _signal(with_executor, signal.SIGCONT)
        arena.finish(ids)
        arena.look()
        arena.check_shown(any(job(one).attempt > 1 for one in ids), "the sleeper lost nothing")
        arena.kill(near)


def _wait_for_work(arena: Arena, ids: list[int]) -> None:
    """Until one of the jobs is at its second step or later; it takes three seconds in all."""
    arena.until(lambda: any(arena.running(one) and (job(one).step or 0) > 1 for one in ids), "a worker at work")


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _freeze(arena: Arena, worker: subprocess.Popen[bytes]) -> None:
    """At any moment on PostgreSQL; on SQLite not within a write, for its one lock would be frozen too."""

    def stopped() -> bool:
        worker.send_signal(signal.SIGSTOP)
        if arena.postgres is not None:
            return True
        with contextlib.closing(sqlite3.connect(load_settings().artifacts / "lab.db", timeout=1)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                worker.send_signal(signal.SIGCONT)
                return False
        return True

    arena.until(stopped, "a worker frozen between two writes")


def wrong_clocks(arena: Arena) -> None:
    """Workers an hour early, an hour late and in other time zones take each other's jobs when they are killed."""
    clocks = [("+3600", "Pacific/Kiritimati"), ("-3600", "America/St_Johns"), ("0", "UTC")]
    workers: dict[int, subprocess.Popen[bytes]] = {}
    for turn in range(arena.times(9, 2)):
        for number, (shift, zone) in enumerate(clocks):
            if number not in workers or workers[number].poll() is not None:
                disguise = {"FAULTS_MACHINE": f"machine {number}", "FAULTS_SHIFT": shift, "TZ": zone}
                workers[number] = arena.worker(f"device-{number}", **disguise)
                arena.hurt()
        arena.bunch(9, pause=0.1)
        time.sleep(arena.rng.uniform(0.2, 0.8))
        arena.kill(workers[turn % len(clocks)])
    arena.look()
    arena.settle()
    arena.check_shown(any(one.attempt > 1 for one in all_jobs()), "no lease was lost")


def one_device_twice(arena: Arena) -> None:
    """Two workers on a device, one after the other and at once: only one works."""
    for _ in range(arena.times(4, 1)):
        ids = arena.bunch(6, pause=0.05)
        workers = [arena.launch("one") for _ in range(3)]
        arena.hurt(2)
        arena.until(lambda: sum(worker.poll() is None for worker in workers) <= 1, "two refusals")  # noqa: B023
        if [worker.poll() for worker in workers].count(1) != 2:
            arena.broken.append(f"of 3 workers on one device the exit codes are {[one.poll() for one in workers]}")
        late = arena.launch("one")
        arena.hurt()
        arena.look()
        if late.wait(PATIENCE) != 1:
            arena.broken.append("a second worker on a device was not refused")
        arena.finish(ids)
        for worker in arena.working():
            arena.kill(worker)
