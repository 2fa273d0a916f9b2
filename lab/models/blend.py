"""A blend: one weight for each of a few frozen adapters, found by their effect on data (as LoraHub does)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import LabError


@dataclass(frozen=True)
class BlendConfig:
    """How the weights are held small: `l1` · Σ|w| is added to the loss, 0.05 as in LoraHub (Huang et al. 2023, 3.2)."""

    l1: float = 0.05

    def __post_init__(self) -> None:
        if self.l1 < 0:
            raise LabError(f"A blend's l1 must be 0 or more; got {self.l1}.")


@dataclass
class Blend:
    """The weights [K], in the order of the group's experts."""

    weights: Tensor

    def digest(self) -> str:
        """SHA-256 (hex) of the float32 weights."""
        return hashlib.sha256(self.weights.detach().to("cpu", torch.float32).numpy().tobytes()).hexdigest()

    def parameters(self) -> int:
        """Number of weights."""
        return self.weights.numel()
