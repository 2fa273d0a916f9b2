"""Loss and gradient of a wave: W items through the frozen model, each with its own factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.models.batching import Example, Wave, lay_out
from lab.models.dropout import dropout, hash32
from lab.models.frozen import Frozen
from lab.models.layout import Layout
from lab.models.lora import Factors, GroupedLinear, LoraConfig
from lab.models.loss import Head
from lab.models.packing import Decoder


@dataclass(frozen=True, eq=False)
class Item:
    """One group's share of a wave."""

    group: str
    examples: Sequence[Example]
    under: int  # the place in `Frozen` of what the group stands on
    step: int = 0


@dataclass(frozen=True, eq=False)
class Waves:
    """Runs waves through a model whose `sites` are grouped layers, frozen everywhere but in `layout`."""

    decoder: Decoder
    head: Head
    sites: dict[str, GroupedLinear]
    layout: Layout
    frozen: Frozen
    lora: LoraConfig
    seed: int

    def gradients(self, theta: Tensor, items: Sequence[Item]) -> tuple[Tensor, Tensor, Wave]:
        """Mean loss [W] of each item's supervised tokens and its gradient [W, P] at theta [W, P].

        The losses are summed before the backward pass, so every item's gradient is its own.
        """
        wave = self._lay_out(items)
        views = self.layout.views(theta)
        leaves = {site: tuple(weights.detach().requires_grad_() for weights in views[site]) for site in views}
        keys = wave.keys([hash32(f"{self.seed}/{item.group}/{item.step}") for item in items])
        losses = self._sums(wave, items, leaves, keys) / wave.counts
        grads = torch.autograd.grad(losses.sum(), [leaf for pair in leaves.values() for leaf in pair])
        return losses.detach(), torch.cat([grad.flatten(1) for grad in grads], dim=1), wave

    @torch.no_grad()
    def losses(self, theta: Tensor, items: Sequence[Item]) -> tuple[Tensor, Wave]:
        """Summed loss [W] of each item's supervised tokens at theta [W, P], without dropout."""
        wave = self._lay_out(items)
        return self._sums(wave, items, self.layout.views(theta), None), wave

    def _lay_out(self, items: Sequence[Item]) -> Wave:
        device = self.head.weight.device
        return lay_out([item.examples for item in items], packed=self.decoder.packed, device=device)

    def _sums(
        self, wave: Wave, items: Sequence[Item], pairs: Mapping[str, tuple[Tensor, ...]], keys: Tensor | None
    ) -> Tensor:
        """Summed loss [W] of each item's supervised tokens; dropout where `keys` are given."""
        places = [item.under for item in items]
        for site, layer in self.sites.items():
            layer.factors = self.frozen.factors(site, places, wave.items)
        p = self.lora.dropout if keys is not None else 0.0
        for site, (a, b) in pairs.items():
            drop = dropout(keys, site, p) if p and keys is not None else None
            trained = Factors(a, b, self.lora.scale / (1 - p), drop, wave.items)
            self.sites[site].factors += (trained,)
        nll = self.head.nll(self.decoder(wave)[wave.where], wave.targets)  # [n]
        return nll.new_zeros(len(items)).index_add(0, wave.item, nll)
