"""Weights of frozen adapters in training: for each group its own, over its own experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.blend import Blend, BlendConfig
from lab.models.frozen import stacked
from lab.models.lora import Factors, GroupedLinear
from lab.models.training import GroupData, Learned


class TrainedBlend:
    """K weights as one row [P]; a group with fewer experts has zeros behind, which stay zero.

    y = base(x) + Σₖ wₖ · sₖ (x Aₖᵀ) Bₖᵀ: the exact merge, so what is trained is what merging by these weights gives.
    """

    virtual = 0

    def __init__(self, sites: Mapping[str, GroupedLinear], config: BlendConfig, groups: Sequence[GroupData]) -> None:
        for group in groups:
            if not group.experts:
                raise LabError(f"Group {group.name!r} has no adapters to weigh.")
        self._sites, self._config = sites, config
        distinct = {id(expert): expert for group in groups for expert in group.experts}
        order = {expert: place for place, expert in enumerate(distinct)}
        self._stacks = stacked([*distinct.values(), None], sites)
        self.size = max(len(group.experts) for group in groups)
        nothing = len(order)  # a place in the stacks that holds zeros
        self._places = {
            group.name: [
                *(order[id(expert)] for expert in group.experts),
                *[nothing] * (self.size - len(group.experts)),
            ]
            for group in groups
        }

    def start(self, group: GroupData | None, _seed: int) -> Blend:
        """Equal weights that add up to 1."""
        n = len(group.experts) if group else self.size
        return Blend(torch.full((n,), 1 / n))

    def views(self, rows: Tensor) -> list[Tensor]:
        """The weights [W, K]."""
        return [rows]

    def put_on(self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, _keys: Tensor | None) -> None:
        """Add the experts of each item, laid side by side along the rank, each part at its weight."""
        places = torch.tensor([self._places[group.name] for group in groups], device=wave.ids.device)  # [W, K]
        for site, (a, b) in self._stacks.items():
            scale = views[0].repeat_interleave(a.shape[1], dim=1)[:, None]  # [W, 1, K · r]
            side_by_side = b[places].transpose(1, 2).flatten(2)  # [W, out, K · r]
            self._sites[site].factors += (Factors(a[places].flatten(1, 2), side_by_side, scale, runs=wave.items),)

    def penalty(self, views: Sequence[Tensor], _groups: Sequence[GroupData], _wave: Wave, _hidden: Tensor) -> Tensor:
        """l1 · Σ|w|, [W]."""
        return self._config.l1 * views[0].abs().sum(1)

    def learned(self, row: Tensor, group: GroupData) -> Blend:
        """The weights that a row [P] holds, copied to the CPU."""
        return Blend(row.detach().to("cpu", copy=True)[: len(group.experts)].clone())

    def row(self, learned: Learned) -> Tensor:
        """The weights as one row [P]."""
        assert isinstance(learned, Blend)
        return pad(learned.weights, (0, self.size - len(learned.weights)))
