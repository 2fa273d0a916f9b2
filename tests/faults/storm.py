"""SIGKILL, again and again: supervisors, executors, and what executors start themselves."""

from __future__ import annotations

import contextlib
import subprocess
import time

import psutil
from planned import state

from faults.arena import Arena
from lab.db import jobs
from lab.db.engine import DatabaseError
from lab.db.jobs import CRASH_CAP
from lab.db.tables import BROKEN, TERMINAL, Job, State
from lab.methods.plan import PlannedJob
from lab.tasks import queue
from lab.tasks.sweep import ring

# Two of them see each other's processes; the third is on another machine, where only the lease tells.
FLEET: dict[str, dict[str, str]] = {"one": {}, "two": {}, "far": {"FAULTS_MACHINE": "far away"}}
JOBS = 200
KILLS = 170
_LOOK_SECONDS = 2.0


def graph(arena: Arena, count: int) -> list[PlannedJob]:
    """Jobs that wait for up to three of those shortly before them."""
    plan = []
    for n in range(count):
        near = range(max(0, n - 20), n)
        parents = arena.rng.sample(near, min(len(near), arena.rng.choice([0, 1, 1, 2, 3])))
        shape = {"steps": arena.rng.randrange(4, 13), "pause": 0.04, "checkpoint_every": arena.rng.choice([1, 2, 3])}
        plan.append(arena.job(f"{n}", *(f"{parent}" for parent in parents), child=n % 4 == 0, **shape))
    return plan


class Fleet:
    """Workers of which every one is started again when it is dead."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def man(self) -> None:
        """Start what is missing."""
        for device, disguise in FLEET.items():
            if device not in self._workers or self._workers[device].poll() is not None:
                self._workers[device] = self._arena.launch(device, **disguise)

    def victim(self) -> psutil.Process | subprocess.Popen[bytes] | None:
        """A supervisor that has had time to begin, an executor, or a child of one."""
        arena = self._arena
        executors = arena.executors()
        kind = arena.rng.choices(["supervisor", "executor", "child"], [3, 6, 2])[0]
        if kind == "supervisor":
            begun = [one for one in arena.working() if one.pid in arena.registered()]
            return arena.rng.choice(begun) if begun else None
        if kind == "child":
            executors = [child for executor in executors for child in _children(executor)] or executors
        return arena.rng.choice(executors) if executors else None


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children()
    return []


def _one_more_would_be_too_many() -> bool:
    """A job is DEAD by right after three crashes without a step; so is not meant here."""
    return any(job.crashes >= CRASH_CAP - 1 for job in _unfinished())


def _unfinished() -> list[Job]:
    from planned import all_jobs

    return [job for job in all_jobs() if job.state not in TERMINAL]


def kill_storm(arena: Arena) -> None:
    """Until so many were killed, and at least one graph of jobs is done."""
    fleet, wanted, looked = Fleet(arena), arena.times(KILLS, 5), time.monotonic()
    ids: list[int] = []
    while arena.kills < wanted or arena.unfinished(ids):
        fleet.man()
        if not arena.unfinished(ids):
            ids = arena.submit(*graph(arena, arena.times(JOBS, 10)))
            queue.wake(queue.CHAT, [arena.ask() for _ in range(arena.times(10))])
        if arena.kills < wanted and not _one_more_would_be_too_many():
            victim = fleet.victim()
            if victim is not None:
                arena.kill(victim)
        if time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            arena.look()
        arena.retry_broken(State.DEAD)
        time.sleep(arena.rng.uniform(0.02, 0.3))


def whims(arena: Arena) -> None:
    """A person who cancels and tries again at random, while executors die."""
    fleet = Fleet(arena)
    count = arena.times(60, 9)
    ids = arena.submit(*graph(arena, count))
    for _ in range(2 * count):
        fleet.man()
        job = arena.rng.choice(ids)
        with contextlib.suppress(DatabaseError):
            whim = arena.rng.choice([jobs.cancel, jobs.cancel, jobs.retry])
            arena.hurt(whim(job) is not None)
        executors = arena.executors()
        if executors and arena.rng.random() < 0.15 and not _one_more_would_be_too_many():
            arena.kill(arena.rng.choice(executors))
        ring()
        time.sleep(arena.rng.uniform(0.01, 0.1))
    arena.look()
    arena.settle()
    # What was cancelled stays so; all else succeeds, or was skipped because of it.
    arena.expect([job for job in ids if state(job) in (State.CANCELLED, State.SKIPPED)], State.CANCELLED, State.SKIPPED)
    while arena.retry_broken(*BROKEN):
        arena.settle()
    arena.expect(ids, State.SUCCEEDED)
