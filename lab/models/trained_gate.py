"""A gate over frozen experts in training, through the model itself: the shares that lower the NLL most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.frozen import stacked
from lab.models.gate import Gate, GateConfig
from lab.models.lora import Factors, GroupedLinear
from lab.models.training import GroupData, Learned


class TrainedGate:
    """Weights [K, f] and bias [K] as one row [P]; all groups of a run weigh the same K experts.

    Every sequence has shares of its own, softmax over all experts: y = base(x) + Σₖ gₖ(input) · sₖ (x Aₖᵀ) Bₖᵀ.
    """

    virtual = 0

    def __init__(self, sites: Mapping[str, GroupedLinear], config: GateConfig, groups: Sequence[GroupData]) -> None:
        experts = groups[0].experts
        if not experts or any(group.experts is not experts for group in groups):
            raise LabError("A gate needs experts, the same for all groups of a run.")
        for example in (example for group in groups for example in (*group.train, *group.val)):
            if example.features is None or len(example.features) != config.features:
                raise LabError(f"Example {example.key!r}: a gate needs {config.features} features of each example.")
        self._sites, self._n, self._width = sites, len(experts), config.features
        self._stacks = {
            site: (a.flatten(0, 1), b.transpose(0, 1).flatten(1))  # [K · r, in], [out, K · r]
            for site, (a, b) in stacked(experts, sites).items()
        }
        self.size = self._n * (config.features + 1)

    def start(self, _group: GroupData | None, _seed: int) -> Gate:
        """Equal shares, whatever the input."""
        return Gate(torch.zeros(self._n, self._width), torch.zeros(self._n))

    def views(self, rows: Tensor) -> list[Tensor]:
        """Weights [W, K, f] and bias [W, K]."""
        return [rows[:, : -self._n].view(-1, self._n, self._width), rows[:, -self._n :]]

    def put_on(self, views: Sequence[Tensor], _groups: Sequence[GroupData], wave: Wave, _keys: Tensor | None) -> None:
        """Add all experts side by side along the rank, each token's parts at the shares of its sequence."""
        shares = self._shares(views, wave)  # [n, K]
        per_token = wave.items.pad(shares[wave.source])  # [W, m, K]
        for site, (a, b) in self._stacks.items():
            scale = per_token.repeat_interleave(len(a) // self._n, dim=2)  # [W, m, K · r]
            w = len(per_token)
            factors = Factors(a.expand(w, -1, -1), b.expand(w, -1, -1), scale, runs=wave.items)
            self._sites[site].factors += (factors,)

    def _shares(self, views: Sequence[Tensor], wave: Wave) -> Tensor:
        features = np.stack([example.features for example in wave.examples])  # type: ignore[misc]  # checked above
        known = torch.from_numpy(features).to(wave.ids.device, torch.float32)  # [n, f]
        weights, bias = (view[wave.owner] for view in views)  # [n, K, f], [n, K]
        return (torch.einsum("nkf,nf->nk", weights, known) + bias).softmax(dim=1)

    def penalty(self, _views: Sequence[Tensor], _groups: Sequence[GroupData], _wave: Wave, _hidden: Tensor) -> None:
        """Nothing but the NLL; weight decay holds the gate near equal shares."""

    def learned(self, row: Tensor, _group: GroupData) -> Gate:
        """The gate that a row [P] holds, copied to the CPU."""
        weights, bias = self.views(row.detach().to("cpu", copy=True)[None])
        return Gate(weights[0].clone(), bias[0].clone())

    def row(self, learned: Learned) -> Tensor:
        """The gate as one row [P]."""
        assert isinstance(learned, Gate)
        return torch.cat([learned.weights.flatten(), learned.bias])
