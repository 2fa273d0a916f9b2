"""A gate: how much of each frozen expert an input gets, from what is known of the input."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lab.errors import LabError


@dataclass(frozen=True)
class GateConfig:
    """How many numbers the gate sees of an input."""

    features: int


@dataclass
class Gate:
    """A linear gate, weights [K, f] and bias [K]: softmax(weights · features + bias) over K experts.

    The gate of Jacobs et al. 1991, "Adaptive mixtures of local experts".
    """

    weights: Tensor
    bias: Tensor

    def shares(self, features: Tensor, top: int | None = None) -> Tensor:
        """Shares [n, K] of each expert for inputs [n, f], which add up to 1; with `top` only the highest so many."""
        logits = features @ self.weights.T + self.bias
        if top is not None and top < logits.shape[1]:
            least = logits.topk(top, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        return logits.softmax(dim=1)

    def digest(self) -> str:
        """SHA-256 (hex) of its float32 numbers."""
        sha = hashlib.sha256(str(tuple(self.weights.shape)).encode())
        for part in (self.weights, self.bias):
            sha.update(part.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return sha.hexdigest()

    def parameters(self) -> int:
        """Number of weights stored."""
        return self.weights.numel() + self.bias.numel()


def save_gate(gate: Gate, file: Path) -> None:
    """Write the gate as safetensors."""
    save_file({"weights": gate.weights.contiguous(), "bias": gate.bias.contiguous()}, file)


def load_gate(file: Path) -> Gate:
    """Read a gate.

    Raises:
        LabError: the file is missing or not a gate.
    """
    try:
        parts = load_file(file)
        return Gate(parts["weights"], parts["bias"])
    except (OSError, SafetensorError, KeyError) as error:
        raise LabError(f"{file}: this is not a gate ({error}); run its study again.") from None
