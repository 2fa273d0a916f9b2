"""Where and with what a benchmark ran."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from lab.bench.host import host
from lab.models.base import BaseModel

_PACKAGES = ("persona-lab", "torch", "transformers", "peft")


def describe(base: BaseModel) -> dict[str, Any]:
    """Machine, load, versions and date as plain JSON values."""
    return {
        **host(),
        "base": base.name,
        "gpu": torch.cuda.get_device_name(base.device) if base.device.type == "cuda" else None,
        "device": str(base.device),
        "dtype": str(base.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }
