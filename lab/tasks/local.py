"""The lab on this machine: start its queue and its worker, detached, and stop them. Light to import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlmodel import col, select

from lab.db.engine import reading
from lab.db.migrate import migrate
from lab.db.tables import Worker
from lab.db.workers import AT_WORK, drained, undo_drain
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks import embedded, queue
from lab.tasks.identity import is_alive, machine_identity
from lab.tasks.owner import check_owner
from lab.tasks.versions import check_version

_START_SECONDS = 30.0
_LOCK = "start-worker"


def ensure_running(*, wanted: bool = True) -> bool:
    """Have the database ready, the queue answering and a worker alive.

    A worker is started only in the embedded lab (no `redis_url`), where nobody else would start one. One that drains
    stays, and one that left drained gets a successor, only where work is `wanted`: not because somebody looks.

    Returns:
        whether a worker had to be started.

    Raises:
        LabError: one of them cannot be had.
    """
    if not load_settings().redis_url:
        return work_here(wanted=wanted)
    migrate()
    queue.check_redis()
    return False


def work_here(*, wanted: bool = True) -> bool:
    """The same with a worker on this machine, whoever runs the queue: what `lab up` asks for."""
    migrate()
    with embedded.locked(_LOCK):  # not while somebody shuts it down: a worker that leaves does nothing more
        if load_settings().redis_url:
            queue.check_redis()
        else:
            embedded.start()
        if wanted:
            undo_drain([worker.id for worker in local_workers()])
        left = drained(machine_identity())
        if local_workers() or (left and not wanted):
            return False
        check_version()
        check_owner()
        _wait_until_gone(left)
        _start_worker()
        return True


def local_workers() -> list[Worker]:
    """The supervisors of this lab that are alive on this machine."""
    with reading() as session:
        here = select(Worker).where(Worker.machine == machine_identity(), col(Worker.state).in_(AT_WORK))
        return [worker for worker in session.exec(here) if is_alive(worker)]


def log_file() -> Path:
    """Where a detached worker writes."""
    return load_settings().artifacts / "worker.log"


def _wait_until_gone(leaving: list[Worker]) -> None:
    """A worker has its devices until its process has ended."""
    deadline = time.monotonic() + _START_SECONDS
    while any(is_alive(worker) for worker in leaving) and time.monotonic() < deadline:
        time.sleep(0.05)


def _start_worker() -> None:
    with log_file().open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.tasks"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives the terminal
            env=os.environ | {"LAB_ARTIFACTS": str(load_settings().artifacts)},
        )
    deadline = time.monotonic() + _START_SECONDS
    while not any(worker.pid == process.pid for worker in local_workers()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"the worker did not start; the end of {log_file()} says why.")
        time.sleep(0.05)


def shut_down() -> int:
    """Stop this lab's workers on this machine and the embedded queue; running jobs write a checkpoint first.

    Returns:
        how many workers were stopped.
    """
    migrate()
    with embedded.locked(_LOCK):
        workers = local_workers()
        for worker in workers:
            _signal(worker, signal.SIGTERM)
        deadline = time.monotonic() + load_settings().grace_seconds + 10
        while any(is_alive(worker) for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        for worker in workers:
            _signal(worker, signal.SIGKILL)
        if not load_settings().redis_url:
            embedded.stop()
    return len(workers)


def _signal(worker: Worker, number: signal.Signals) -> None:
    """Signal a worker, if it is still there.

    Raises:
        LabError: it belongs to another user.
    """
    try:
        if is_alive(worker):
            os.kill(worker.pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise LabError(f"worker {worker.id} belongs to another user; only that user can stop it.") from None
