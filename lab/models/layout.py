"""All factors of a group as one row of numbers: clipping and AdamW then are a few operations on [W, P]."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from lab.models.dropout import hash32
from lab.models.lora import Adapter, GroupedLinear, LoraConfig


class Layout:
    """Where each site's A and B lie in a row of `size` numbers."""

    def __init__(self, sites: Mapping[str, GroupedLinear], rank: int) -> None:
        self._places: dict[str, tuple[slice, slice]] = {}
        self._rank, end = rank, 0
        for site in sorted(sites):
            start, middle = end, end + rank * sites[site].in_features
            end = middle + sites[site].out_features * rank
            self._places[site] = slice(start, middle), slice(middle, end)
        self.size = end

    def views(self, rows: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Site → A [W, r, in] and B [W, out, r], views of rows [W, P]."""
        n, r = rows.shape[0], self._rank
        return {site: (rows[:, a].view(n, r, -1), rows[:, b].view(n, -1, r)) for site, (a, b) in self._places.items()}

    def row(self, adapter: Adapter) -> Tensor:
        """The adapter's factors as one float32 row [P]."""
        return torch.cat([w.flatten() for site in self._places for w in (adapter.a[site], adapter.b[site])])

    def adapter(self, row: Tensor, config: LoraConfig) -> Adapter:
        """The adapter that a row [P] holds, copied to the CPU."""
        views = self.views(row.detach().to("cpu", copy=True)[None])
        a = {site: pair[0][0] for site, pair in views.items()}
        return Adapter(config, a, {site: pair[1][0] for site, pair in views.items()})


def initial_adapter(sites: Mapping[str, GroupedLinear], config: LoraConfig, seed: int) -> Adapter:
    """The one start of all groups of a run: A uniform in ±1/√in, as PEFT draws it, and B zero.

    PEFT's `kaiming_uniform_(a=√5)` has the bound √(6 / ((1 + 5) · in)). Each site has its own generator, so
    one more adapted layer does not move the others.
    """
    adapter = Adapter(config)
    for site, layer in sorted(sites.items()):
        generator = torch.Generator().manual_seed(hash32(f"{seed}/{site}"))
        bound = 1 / math.sqrt(layer.in_features)
        a = torch.empty(config.rank, layer.in_features)
        adapter.a[site] = a.uniform_(-bound, bound, generator=generator)
        adapter.b[site] = torch.zeros(layer.out_features, config.rank)
    return adapter
