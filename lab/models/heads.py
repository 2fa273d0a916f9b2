"""Auxiliary heads: what a model in training is asked besides the next token, so that its states tell it.

Every head reads the state from which an assistant turn's first token is predicted: it has seen the request and
nothing of the answer. The heads are thrown away after training (Caruana 1997, multitask learning).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from lab.errors import LabError
from lab.models.lora import LoraConfig


@dataclass(frozen=True)
class HeadConfig:
    """One head and the weight of its loss.

    `class`: one of `size` classes, whose number is one label, by cross-entropy. `flags`: `size` labels of 0 or 1,
    by binary cross-entropy. `values`: `size` numbers, best within about −1…1, by squared error. A label of NaN is
    not known and not learned from.
    """

    kind: Literal["class", "flags", "values"]
    size: int
    weight: float

    def __post_init__(self) -> None:
        if self.size < 1 or self.weight < 0:
            raise LabError(f"An auxiliary head needs size ≥ 1 and weight ≥ 0; got {self.size} and {self.weight}.")

    @property
    def labels(self) -> int:
        """Columns of an example's labels that are this head's."""
        return 1 if self.kind == "class" else self.size

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss [n] of outputs [n, size] for labels [n, ·], mean over what is known of a row; 0 if nothing is."""
        known = labels.isfinite()
        safe = labels.where(known, torch.zeros_like(labels))
        if self.kind == "class":
            losses = functional.cross_entropy(outputs, safe[:, 0].long(), reduction="none")[:, None]
        elif self.kind == "flags":
            losses = functional.binary_cross_entropy_with_logits(outputs, safe, reduction="none")
        else:
            losses = (outputs - safe) ** 2
        return (losses * known).sum(1) / known.sum(1).clamp(min=1)


@dataclass(frozen=True)
class HeadsConfig:
    """A LoRA that is trained with auxiliary heads."""

    lora: LoraConfig
    heads: tuple[HeadConfig, ...]

    @property
    def outputs(self) -> int:
        """Numbers that all heads put out."""
        return sum(head.size for head in self.heads)

    @property
    def labels(self) -> int:
        """Columns of an example's labels."""
        return sum(head.labels for head in self.heads)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The heads' weighted losses for outputs [n, outputs] and labels [n, labels], added up, [n]."""
        parts = zip(
            self.heads,
            torch.split(outputs, [head.size for head in self.heads], dim=1),
            torch.split(labels, [head.labels for head in self.heads], dim=1),
            strict=True,
        )
        return torch.stack([head.weight * head.loss(out, wanted) for head, out, wanted in parts]).sum(0)
