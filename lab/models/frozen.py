"""The frozen adapters that groups are trained on top of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.lora import Adapter, Factors, GroupedLinear, concatenate
from lab.models.ragged import Runs

Stacks = dict[str, tuple[Tensor, Tensor]]
"""Site → A [n, r, in] and B [n, out, r] of n adapters, scale 1, in the model's number format."""


def stacked(adapters: Sequence[Adapter | None], sites: Mapping[str, GroupedLinear]) -> Stacks:
    """The adapters side by side, with zeros up to the largest rank; None, and a site one does not have, are zero.

    Raises:
        LabError: an adapter has a layer that is not among the sites.
    """
    scaled = [adapter and concatenate([adapter]) for adapter in adapters]
    used = {site for adapter in scaled if adapter for site in adapter.a}
    if unknown := sorted(used - sites.keys()):
        raise LabError(f"An adapter to train with is not this model's: it has no layer {unknown[0]}.")
    rank = max((adapter.config.rank for adapter in scaled if adapter), default=0)
    stacks: Stacks = {}
    for site in used:
        layer = sites[site]
        a = layer.weight.new_zeros(len(adapters), rank, layer.in_features)
        b = layer.weight.new_zeros(len(adapters), layer.out_features, rank)
        for place, adapter in enumerate(scaled):
            if adapter and site in adapter.a:
                a[place, : adapter.config.rank] = adapter.a[site]
                b[place, :, : adapter.config.rank] = adapter.b[site]
        stacks[site] = a, b
    return stacks


class Frozen:
    """The distinct frozen adapters of a run, stacked per site.

    `places` says which one each group stands on. A group on the plain base, and a site that an adapter does
    not have, count as zero.
    """

    def __init__(self, adapters: Sequence[Adapter | None], sites: Mapping[str, GroupedLinear]) -> None:
        digests = [adapter and adapter.digest() for adapter in adapters]
        distinct = dict(zip(digests, adapters, strict=True))
        order = list(distinct)
        self.places = [order.index(digest) for digest in digests]
        self._stacks = stacked(list(distinct.values()), sites)

    def factors(self, site: str, places: Sequence[int], items: Runs) -> tuple[Factors, ...]:
        """What lies frozen at `site` under the items whose groups stand at `places`."""
        if site not in self._stacks:
            return ()
        a, b = self._stacks[site]
        if a.shape[0] == 1:  # everybody's: the items need not be laid apart
            return (Factors(a, b, 1.0),)
        index = torch.tensor(places, device=a.device)
        return (Factors(a[index], b[index], 1.0, runs=items),)
