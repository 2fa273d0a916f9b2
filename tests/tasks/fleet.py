"""Real workers for tests: started, watched, hurt, and certainly gone in the end."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from planned import job, planned, state
from planned import submit as submit_plan

from lab.db.invariants import check_invariants
from lab.db.tables import TERMINAL, State
from lab.methods.plan import PlannedJob
from lab.settings import load_settings
from lab.tasks import embedded
from lab.tasks.local import local_workers
from lab.tasks.manifest import verify_manifest
from lab.tasks.sweep import ring

WORKER = Path(__file__).with_name("drill_worker.py")
FAST = {
    "LAB_HEARTBEAT_SECONDS": "0.2",
    "LAB_LEASE_SECONDS": "60",  # nothing here is to be waited for so long
    "LAB_GRACE_SECONDS": "2",
    "LAB_RETRY_SECONDS": "0.2",
    "LAB_DEVICES": '["cpu"]',
}
SOON = 30.0  # seconds, on a busy machine


def eventually(condition: Callable[[], Any], what: str = "", seconds: float = SOON) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or only waits for somebody to take note."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def drill(key: str, *parents: str, **spec: Any) -> PlannedJob:
    """A job of the kind `drill` that does what `spec` says."""
    return planned(key, *parents, kind="drill", spec=spec | {"key": key})


def submit(*plan: PlannedJob, **options: Any) -> list[int]:
    """Queue jobs and wake whoever sleeps."""
    ids = submit_plan(*plan, **options)
    ring()
    return ids


def wait_for(ids: list[int], *states: State, seconds: float = SOON) -> None:
    """Until every job is in one of these states; any end, if none is named."""
    wanted = states or TERMINAL
    eventually(lambda: all(state(one) in wanted for one in ids), f"{ids} in {wanted}", seconds)


def at_step(job_id: int, step: int) -> Callable[[], bool]:
    """A condition: the job has said that it is at least this far."""
    return lambda: (job(job_id).step or 0) >= step


def diary(job_id: int) -> list[tuple[int, int]]:
    """(attempt, step) of every step that was really done, in order."""
    lines = (load_settings().artifacts / "steps" / str(job_id)).read_text().splitlines()
    return [(int(attempt), int(step)) for attempt, step in (line.split() for line in lines)]


def all_is_well() -> None:
    """The invariants, with the artifacts on disk."""
    root = load_settings().artifacts
    assert check_invariants(lambda artifact, manifest: verify_manifest(root / artifact, manifest)) == []


def freeze(process: subprocess.Popen[str]) -> None:
    """Stop it in its tracks, but not in the middle of a write: SQLite's one lock would be frozen with it."""

    def lets_others_write() -> bool:
        process.send_signal(signal.SIGSTOP)
        with contextlib.closing(sqlite3.connect(load_settings().artifacts / "lab.db", timeout=1)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                return False
        return True

    eventually(lets_others_write, "a worker frozen between two writes")


class Fleet:
    """The workers of one lab on this machine."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self._children: list[psutil.Process] = []

    def launch(self, **settings: str) -> subprocess.Popen[str]:
        """Start a worker; do not wait for it."""
        process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        return process

    def start(self, **settings: str) -> subprocess.Popen[str]:
        """Start a worker and wait until it works."""
        process = self.launch(**settings)

        def works() -> bool:
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            return any(worker.pid == process.pid for worker in local_workers())

        eventually(works, "a worker that runs")
        return process

    def executors(self) -> list[psutil.Process]:
        """The executors of all workers."""
        found = []
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children()
                found += [child for child in children if any("drill_executor" in part for part in child.cmdline())]
        self._children += found
        return found

    def end(self) -> None:
        """Whatever state they are in, leave no process behind."""
        self.executors()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        with contextlib.suppress(AssertionError):
            eventually(lambda: all(has_ended(child) for child in self._children), seconds=5)
        left = [child for child in self._children if not has_ended(child)]
        for child in left:
            child.kill()
        embedded.stop()
        assert not left, "executors outlived their workers"


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """A fleet that is gone afterwards."""
    ships = Fleet()
    try:
        yield ships
    finally:
        ships.end()
