"""Which device and number format a model runs in."""

from __future__ import annotations

import torch

from lab.errors import LabError

_DTYPES = {"bf16": torch.bfloat16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def pick_device(wanted: str = "auto") -> torch.device:
    """Return the device for `wanted`: "auto" takes CUDA, else MPS, else the CPU; or "cpu", "cuda:1", ..."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise LabError(f"There is no device called {wanted!r}; use auto, cpu, cuda, cuda:N or mps.") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise LabError(f"The device {wanted!r} is not supported; use auto, cpu, cuda, cuda:N or mps.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LabError(f"{wanted} was asked for, but PyTorch sees {torch.cuda.device_count()} CUDA devices; use auto.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise LabError("mps was asked for, but this machine has no Apple GPU; use auto or cpu.")
    return device


def pick_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """Return the frozen base's number format: "auto" is bf16 where the hardware multiplies it natively."""
    if wanted == "auto":
        return torch.bfloat16 if _fast_bf16(device) else torch.float32
    if wanted not in _DTYPES:
        raise LabError(f"There is no number format called {wanted!r}; use auto, bf16 or float32.")
    return _DTYPES[wanted]


def _fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        cpu = torch.cpu.get_capabilities()
        return any(cpu.get(flag, False) for flag in ("avx512_bf16", "amx_bf16", "bf16"))  # the last is Arm's
    return False
