"""Who a worker is: its host, and the boot of the machine that gives its process id a meaning."""

from __future__ import annotations

import os
import socket
import uuid
from functools import lru_cache
from pathlib import Path

import psutil

from lab import __version__
from lab.db.tables import Worker
from lab.methods.plan import ENGINE_VERSION

VERSION = f"{__version__} (engine {ENGINE_VERSION})"
"""Of the program, and of what it computes."""


@lru_cache(maxsize=1)
def boot_identity() -> str:
    """The same for all processes of one machine since its boot, in whatever container, and for no other."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.exists() else f"{uuid.getnode():x}-{psutil.boot_time():.0f}"


@lru_cache(maxsize=1)
def machine_identity() -> str:
    """The same for all processes that see each other's process ids."""
    namespace = Path("/proc/self/ns/pid")
    return f"{boot_identity()} {namespace.readlink() if namespace.exists() else ''}"


def this_worker(devices: list[str]) -> Worker:
    """The row of the supervisor that runs in this process."""
    host, started = socket.gethostname(), start_of(os.getpid())
    assert started is not None
    return Worker(
        id=f"{host}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        host=host,
        machine=machine_identity(),
        pid=os.getpid(),
        pid_started=started,
        devices=devices,
        version=VERSION,
    )


def is_alive(worker: Worker) -> bool:
    """Whether a supervisor of this machine still runs; another process with its number does not count."""
    return start_of(worker.pid) == worker.pid_started


def start_of(pid: int) -> float | None:
    """When a living process started; None if there is none of this number, or only its remains.

    On Linux in clock ticks since boot: a start by the wall clock moves when somebody sets the clock.
    """
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *numbers = stat.rpartition(")")[2].split()  # the name before it may hold anything
        return None if state in "ZX" else float(numbers[18])
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
