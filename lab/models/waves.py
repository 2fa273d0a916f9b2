"""Loss and gradient of a wave: W items through the frozen model, each with its own parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lab.models.batching import Example, Wave, lay_out
from lab.models.dropout import hash32
from lab.models.frozen import Frozen
from lab.models.lora import GroupedLinear
from lab.models.loss import Head, divergence
from lab.models.packing import Decoder, Lead
from lab.models.training import GroupData, Learned


class Trained(Protocol):
    """What a group learns: how its numbers lie in a row [P], where they begin, and what they do to a wave."""

    size: int  # P
    virtual: int  # tokens it puts before each sequence

    def start(self, group: GroupData | None, seed: int, /) -> Learned:
        """What a group begins with; None is a group without settings of its own."""

    def views(self, rows: Tensor, /) -> list[Tensor]:
        """Rows [W, P] as the tensors that are differentiated, in the order in which they lie there."""

    def put_on(
        self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, keys: Tensor | None, /
    ) -> Lead | None:
        """Make the next pass run with these of the wave's groups; dropout where `keys` are given."""

    def penalty(
        self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, hidden: Tensor, /
    ) -> Tensor | None:
        """What each item minimises beside its NLL, [W]; `hidden` [rows · t, d] are the model's last states."""

    def learned(self, row: Tensor, group: GroupData, /) -> Learned:
        """What a row [P] holds."""

    def row(self, learned: Learned, /) -> Tensor:
        """The row [P] that holds it, float32."""


@dataclass(frozen=True, eq=False)
class Item:
    """One group's share of a wave."""

    group: GroupData
    examples: Sequence[Example]
    under: int  # the place in `Frozen` of what the group stands on
    step: int = 0

    @property
    def tokens(self) -> int:
        """Real tokens."""
        return sum(map(len, self.examples))


@dataclass(frozen=True, eq=False)
class Waves:
    """Runs waves through a model whose `sites` are grouped layers, frozen everywhere but in `trained`."""

    decoder: Decoder
    head: Head
    sites: dict[str, GroupedLinear]
    trained: Trained
    frozen: Frozen
    seed: int

    def gradients(self, theta: Tensor, items: Sequence[Item]) -> tuple[Tensor, Tensor, Wave]:
        """Mean NLL [W] of each item's supervised tokens and the gradient [W, P] of its objective at theta [W, P].

        The objectives are summed before the backward pass, so every item's gradient is its own.
        """
        wave = self._lay_out(items)
        groups = [item.group for item in items]
        leaves = [view.detach().requires_grad_() for view in self.trained.views(theta)]
        keys = wave.keys([hash32(f"{self.seed_of(i.group)}/{stream(i.group)}/{i.step}") for i in items])
        teacher = self._teacher(wave, items)
        hidden = self._hidden(wave, items, leaves, keys)
        losses = self._sums(wave, self.head.nll(hidden[wave.where], wave.targets)) / wave.counts
        objective = losses.sum()
        penalty = self.trained.penalty(leaves, groups, wave, hidden)
        if penalty is not None:
            objective = objective + penalty.sum()
        if teacher is not None:
            kl = self._sums(wave, divergence(self.head, teacher, hidden[wave.where])) / wave.counts
            objective = objective + kl @ kl.new_tensor([group.leash.distil for group in groups])
        grads = torch.autograd.grad(objective, leaves)
        return losses.detach(), torch.cat([grad.flatten(1) for grad in grads], dim=1), wave

    @torch.no_grad()
    def losses(self, theta: Tensor, items: Sequence[Item]) -> tuple[Tensor, Wave]:
        """Summed NLL [W] of each item's supervised tokens at theta [W, P], without dropout."""
        wave = self._lay_out(items)
        hidden = self._hidden(wave, items, self.trained.views(theta), None)
        return self._sums(wave, self.head.nll(hidden[wave.where], wave.targets)), wave

    def seed_of(self, group: GroupData) -> int:
        """The group's own seed, or the run's."""
        return self.seed if group.seed is None else group.seed

    def _lay_out(self, items: Sequence[Item]) -> Wave:
        device = self.head.weight.device
        examples = [item.examples for item in items]
        return lay_out(examples, packed=self.decoder.packed, virtual=self.trained.virtual, device=device)

    def _hidden(self, wave: Wave, items: Sequence[Item], views: Sequence[Tensor], keys: Tensor | None) -> Tensor:
        """The model's last states [rows · t, d] under what the items learn; dropout where `keys` are given."""
        self._stand(wave, items)
        return self.decoder(wave, self.trained.put_on(views, [item.group for item in items], wave, keys))

    @torch.no_grad()
    def _teacher(self, wave: Wave, items: Sequence[Item]) -> Tensor | None:
        """The states [n, d] that predict the supervised tokens under what the items stand on; None if none asks."""
        if not any(item.group.leash.distil for item in items):
            return None
        self._stand(wave, items)
        return self.decoder(wave)[wave.where]

    def _stand(self, wave: Wave, items: Sequence[Item]) -> None:
        places = [item.under for item in items]
        for site, layer in self.sites.items():
            layer.factors = self.frozen.factors(site, places, wave.items)

    @staticmethod
    def _sums(wave: Wave, values: Tensor) -> Tensor:
        """Values [n] of the supervised tokens, summed over each item, [W]."""
        return values.new_zeros(len(wave.counts)).index_add(0, wave.item, values)


def stream(group: GroupData) -> str:
    """What the group's random draws are named after."""
    return group.stream or group.name
