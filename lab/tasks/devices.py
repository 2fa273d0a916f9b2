"""Which devices a worker offers, found without torch: a supervisor stays small."""

from __future__ import annotations

import platform
import shutil
import subprocess
from typing import Any

import psutil

from lab.db.queries import list_workers
from lab.settings import Settings, load_settings
from lab.tasks.sweep import reap_local_dead

_QUERY = "--query-gpu=index,name,memory.used,memory.total,utilization.gpu"


def _nvidia_smi() -> list[list[str]]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        done = subprocess.run(
            [tool, _QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return []
    return [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines() if line.strip()]


def find_devices(settings: Settings) -> list[str]:
    """The devices that the settings name; else every NVIDIA GPU, else Apple's, else the CPU."""
    if settings.devices:
        return list(settings.devices)
    gpus = [f"cuda:{row[0]}" for row in _nvidia_smi()]
    if gpus:
        return gpus
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return ["mps"]
    return ["cpu"]


def live_devices() -> tuple[str, ...]:
    """Those of the workers that are alive and stay, or of the one that would be started here."""
    reap_local_dead()
    alive = [device for worker in list_workers() if worker.state == "alive" for device in worker.devices]
    return tuple(alive or find_devices(load_settings()))


def usage() -> dict[str, Any]:
    """Load of the processor, memory and GPUs, for the screen; memory in MiB."""
    memory = psutil.virtual_memory()
    gpus = [
        {
            "device": f"cuda:{index}",
            "name": name,
            "memory": _number(used),
            "total": _number(total),
            "load": _number(load),
        }
        for index, name, used, total, load in (row for row in _nvidia_smi() if len(row) == 5)
    ]
    return {
        "cpu": psutil.cpu_percent(),
        "memory": (memory.total - memory.available) >> 20,
        "total": memory.total >> 20,
        "gpus": gpus,
    }


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # some drivers say "[N/A]"
        return None
