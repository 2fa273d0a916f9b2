"""The groups in flight: their factors and moments as rows [S, P], their progress as plain data.

A slot holds one group. When the group is done, its slot takes the next one that waits, or stays empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lab.models.optimiser import adamw


@dataclass
class Progress:
    """How far the group at `place` has come; with its slot's rows, all that its future depends on."""

    place: int
    step: int = 0
    losses: list[float] = dataclasses.field(default_factory=list)  # of the current epoch's steps
    best_loss: float | None = None
    best_step: int = 0
    judged: int = 0  # the step of the last evaluation
    worse: int = 0  # evaluations since the best
    tokens: int = 0
    seconds: float = 0.0


class Slots:
    """S slots of P parameters, all float32."""

    def __init__(self, capacity: int, size: int, device: torch.device) -> None:
        self.theta, self.first, self.second, self.best = (torch.zeros(capacity, size, device=device) for _ in range(4))
        self.progress: list[Progress | None] = [None] * capacity

    def live(self) -> list[tuple[int, Progress]]:
        """The slots that hold a group."""
        return [(slot, progress) for slot, progress in enumerate(self.progress) if progress is not None]

    def start(self, place: int, row: Tensor) -> None:
        """Put the group at `place` into an empty slot; its parameters begin as `row` [P]."""
        slot = self.progress.index(None)
        self.progress[slot] = Progress(place)
        self.theta[slot] = self.best[slot] = row
        self.first[slot] = self.second[slot] = 0.0

    def update(
        self, slots: Sequence[int], grad: Tensor, rates: Sequence[float], steps: Sequence[int], decay: float
    ) -> None:
        """One AdamW step of these slots with grad [W, P]; no other row is touched."""
        index = torch.tensor(slots, device=grad.device)
        theta, first, second = self.theta[index], self.first[index], self.second[index]
        adamw(theta, first, second, grad, steps=steps, rates=rates, weight_decay=decay)
        self.theta[index], self.first[index], self.second[index] = theta, first, second

    def state(self) -> tuple[list[dict[str, Any] | None], dict[str, Tensor]]:
        """Progress and the live slots' rows."""
        index = torch.tensor([slot for slot, _ in self.live()], dtype=torch.long, device=self.theta.device)
        rows = {name: getattr(self, name)[index] for name in ("theta", "first", "second", "best")}
        return [None if p is None else dataclasses.asdict(p) for p in self.progress], rows

    def restore(self, progress: Sequence[dict[str, Any] | None], rows: dict[str, Tensor]) -> None:
        """Take up what `state` gave; the capacity must be at least the number of slots then."""
        for slot, fields in enumerate(progress):
            self.progress[slot] = None if fields is None else Progress(**fields)
        index = torch.tensor([slot for slot, _ in self.live()], dtype=torch.long, device=self.theta.device)
        for name, values in rows.items():
            getattr(self, name)[index] = values.to(self.theta.device)
