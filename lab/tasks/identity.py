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


@lru_cache(maxsize=1)
def machine_identity() -> str:
    """The same for all processes of one machine (or container) since its boot, and for no other."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    parts = [
        boot.read_text().strip() if boot.exists() else f"{uuid.getnode():x}-{psutil.boot_time():.0f}",
        str(namespace.readlink()) if namespace.exists() else "",
    ]
    return " ".join(parts)


def this_worker(devices: list[str]) -> Worker:
    """The row of the supervisor that runs in this process."""
    host = socket.gethostname()
    return Worker(
        id=f"{host}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        host=host,
        machine=machine_identity(),
        pid=os.getpid(),
        pid_started=psutil.Process().create_time(),
        devices=devices,
        version=__version__,
    )


def is_alive(worker: Worker) -> bool:
    """Whether a supervisor of this machine still runs; another process with its number does not count."""
    try:
        process = psutil.Process(worker.pid)
        same = abs(process.create_time() - worker.pid_started) < 1.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
