"""Faults of the database: it crashes, it is away for longer than a worker may be silent, it is locked."""

from __future__ import annotations

import contextlib
import sqlite3
import time

from faults.arena import LEASE, Arena
from lab.settings import load_settings

_SELF_STOP = "is no longer ours"  # a worker's word when it lets go of a job


def restarted(arena: Arena) -> None:
    """PostgreSQL stops at once, in the middle of transactions, and comes back; sessions of it are killed too."""
    assert arena.postgres is not None
    arena.worker("one")
    arena.worker("two")
    for turn in range(arena.times(10, 2)):
        arena.patiently(lambda: arena.bunch(6))
        time.sleep(arena.rng.uniform(0, 0.8))
        if turn % 3 == 2 and arena.postgres.kill_a_session(arena.database_url):
            arena.kills += 1
        else:
            arena.postgres.stop("immediate")
            arena.postgres.start()
        arena.hurt()
    arena.settle()
    arena.check_shown(arena.kills or arena.scale < 1, "no session was killed")


def away(arena: Arena) -> None:
    """PostgreSQL is down for longer than half a lease: workers let go of their jobs, and take them up again."""
    assert arena.postgres is not None
    arena.worker("one")
    arena.worker("far", FAULTS_MACHINE="far away")
    for _ in range(arena.times(3)):
        arena.patiently(lambda: arena.bunch(9, steps=20, pause=0.1))
        _wait_for_work(arena)
        arena.postgres.stop("fast")
        time.sleep(LEASE * arena.rng.uniform(1, 2))
        arena.postgres.start()
        arena.hurt()
    arena.settle()
    arena.check_shown(arena.said(_SELF_STOP), "no worker stopped itself")


def locked(arena: Arena) -> None:
    """Somebody holds SQLite's one write lock for longer than anybody waits for it."""
    arena.worker("one")
    arena.worker("far", FAULTS_MACHINE="far away")
    for _ in range(arena.times(3)):
        arena.patiently(lambda: arena.bunch(9, steps=20, pause=0.1))
        _wait_for_work(arena)
        with contextlib.closing(sqlite3.connect(load_settings().artifacts / "lab.db", timeout=30)) as wall:
            wall.isolation_level = None
            wall.execute("BEGIN IMMEDIATE")
            time.sleep(LEASE * arena.rng.uniform(1, 2))
            wall.execute("ROLLBACK")
        arena.hurt()
    arena.settle()
    arena.check_shown(arena.said(_SELF_STOP), "no worker stopped itself")


def _wait_for_work(arena: Arena) -> None:
    arena.until(lambda: len(arena.executors()) == 2, "two workers at work")
    time.sleep(arena.rng.uniform(0.2, 0.6))
