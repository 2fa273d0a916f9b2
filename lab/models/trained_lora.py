"""LoRA factors of many groups in training: rows of numbers, and what they do to the layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.dropout import dropout, hash32
from lab.models.lora import Adapter, Factors, GroupedLinear, LoraConfig
from lab.models.training import GroupData, Learned


class TrainedLora:
    """A and B of every site as one row [P], for the largest rank of the run.

    A group of lower rank r has zeros in the rows of A and columns of B beyond r. They stay zero by themselves:
    the gradient of either is a product with the other.
    """

    virtual = 0

    def __init__(self, sites: Mapping[str, GroupedLinear], config: LoraConfig, groups: Sequence[GroupData]) -> None:
        self._sites, self._config = sites, config
        for group in groups:
            own = group.lora or config
            if (own.targets, own.dropout) != (config.targets, config.dropout):
                raise LabError(f"Group {group.name!r}: groups of one run share their target layers and dropout.")
            if group.start and (group.start.config.rank, set(group.start.a)) != (own.rank, set(sites)):
                raise LabError(f"Group {group.name!r} cannot begin with an adapter of another rank or other layers.")
        self._rank = max((group.lora or config).rank for group in groups)
        self._places: dict[str, tuple[slice, slice]] = {}
        end = 0
        for site in sorted(sites):
            start, middle = end, end + self._rank * sites[site].in_features
            end = middle + sites[site].out_features * self._rank
            self._places[site] = slice(start, middle), slice(middle, end)
        self.size = end

    def start(self, group: GroupData | None, seed: int) -> Adapter:
        """What the group begins with; None is one without settings of its own."""
        if group and group.start:
            return group.start
        own = group.lora if group and group.lora else self._config
        return initial_adapter(self._sites, own, seed)

    def views(self, rows: Tensor) -> list[Tensor]:
        """A [W, r, in] and B [W, out, r] of each site in turn, views of rows [W, P]."""
        n, r = rows.shape[0], self._rank
        return [
            view for a, b in self._places.values() for view in (rows[:, a].view(n, r, -1), rows[:, b].view(n, -1, r))
        ]

    def put_on(self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, keys: Tensor | None) -> None:
        """Add the pairs to what the layers hold already; with dropout where there are keys for it."""
        p = self._config.dropout if keys is not None else 0.0
        scale = self._scale(groups, p, wave.ids.device)
        for site, a, b in self._pairs(views):
            drop = dropout(keys, site, p) if p and keys is not None else None
            self._sites[site].factors += (Factors(a, b, scale, drop, wave.items),)

    def penalty(
        self, views: Sequence[Tensor], groups: Sequence[GroupData], _wave: Wave, _hidden: Tensor
    ) -> Tensor | None:
        """λ · ‖ΔW‖² over all sites, [W]: ‖s·BA‖² = s² · tr(BᵀB · AAᵀ), never made larger than [r, r]."""
        if not any(group.leash.pull for group in groups):
            return None
        pulls = [group.leash.pull * (group.lora or self._config).scale ** 2 for group in groups]
        squares = [((b.mT @ b) * (a @ a.mT)).sum((1, 2)) for _, a, b in self._pairs(views)]
        return torch.stack(squares).sum(0) * torch.tensor(pulls, device=views[0].device)

    def learned(self, row: Tensor, group: GroupData) -> Adapter:
        """The adapter that a row [P] holds, copied to the CPU."""
        own = group.lora or self._config
        adapter = Adapter(own)
        for site, a, b in self._pairs(self.views(row.detach().to("cpu", copy=True)[None])):
            adapter.a[site], adapter.b[site] = a[0, : own.rank].clone(), b[0, :, : own.rank].clone()
        return adapter

    def row(self, learned: Learned) -> Tensor:
        """The adapter's factors as one float32 row [P]."""
        assert isinstance(learned, Adapter)
        more = self._rank - learned.config.rank
        return torch.cat(
            [
                weights.flatten()
                for site in self._places
                for weights in (pad(learned.a[site], (0, 0, 0, more)), pad(learned.b[site], (0, more)))
            ]
        )

    def _pairs(self, views: Sequence[Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
        return zip(self._places, views[::2], views[1::2], strict=True)

    def _scale(self, groups: Sequence[GroupData], p: float, device: torch.device) -> float | Tensor:
        """alpha / r, one for all or one each [W]; what dropout keeps is scaled up by 1 / (1 − p) here too."""
        scales = [(group.lora or self._config).scale / (1 - p) for group in groups]
        return scales[0] if len(set(scales)) == 1 else torch.tensor(scales, device=device)


def initial_adapter(sites: Mapping[str, GroupedLinear], config: LoraConfig, seed: int) -> Adapter:
    """The one start of all groups of a run: A uniform in ±1/√in, as PEFT draws it, and B zero.

    PEFT's `kaiming_uniform_(a=√5)` has the bound √(6 / ((1 + 5) · in)). Each site has its own generator, so
    one more adapted layer does not move the others; of two ranks the lower begins with the first rows of the
    higher.
    """
    adapter = Adapter(config)
    for site, layer in sorted(sites.items()):
        generator = torch.Generator().manual_seed(hash32(f"{seed}/{site}"))
        bound = 1 / math.sqrt(layer.in_features)
        a = torch.empty(config.rank, layer.in_features)
        adapter.a[site] = a.uniform_(-bound, bound, generator=generator)
        adapter.b[site] = torch.zeros(layer.out_features, config.rank)
    return adapter
