"""Which devices a worker offers, found without torch: a supervisor stays small."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import Any

import psutil

from lab.db.queries import list_workers
from lab.settings import Settings, load_settings
from lab.tasks.sweep import reap_local_dead

_QUERY = "--query-gpu=index,uuid,name,memory.used,memory.total,utilization.gpu"


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
    rows = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    return [row for row in rows if len(row) == _QUERY.count(",") + 1]


def _gpus() -> list[list[str]]:
    """The rows of the GPUs that CUDA shows to programs here, in its order: the first is cuda:0."""
    rows, named = _nvidia_smi(), os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return rows
    found: list[list[str]] = []
    for entry in map(str.strip, named.split(",")):
        part = ["", entry, entry, "", "", ""] if entry.startswith("MIG-") and rows else None  # no row tells of it
        row = next((one for one in rows if entry == one[0] or (entry[:4] == "GPU-" and one[1].startswith(entry))), part)
        if row is None:  # CUDA stops at the first that is not there
            break
        found.append(row)
    return found


def find_devices(settings: Settings) -> list[str]:
    """The devices that the settings name; else every NVIDIA GPU that is visible, else Apple's, else the CPU."""
    if settings.devices:
        return list(settings.devices)
    if gpus := _gpus():
        return [f"cuda:{number}" for number in range(len(gpus))]
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
            "device": f"cuda:{number}",
            "name": name,
            "memory": _number(used),
            "total": _number(total),
            "load": _number(load),
        }
        for number, (_, _, name, used, total, load) in enumerate(_gpus())
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
