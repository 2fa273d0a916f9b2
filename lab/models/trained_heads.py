"""LoRA factors in training together with auxiliary heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.heads import HeadsConfig
from lab.models.lora import Adapter, GroupedLinear
from lab.models.trained_lora import TrainedLora
from lab.models.training import GroupData, Learned


class TrainedHeads:
    """The row [P] of a LoRA, then one linear head for all outputs, weights [outputs, d] and bias [outputs].

    The heads begin at zero, and what is kept of a group is its adapter alone.
    """

    virtual = 0

    def __init__(
        self, sites: Mapping[str, GroupedLinear], config: HeadsConfig, groups: Sequence[GroupData], width: int
    ) -> None:
        for example in (example for group in groups for example in group.train):
            if example.labels is None or example.labels.shape[1] != config.labels:
                raise LabError(f"Example {example.key!r}: {config.labels} labels are needed for each of its turns.")
        self._lora, self._config, self._width = TrainedLora(sites, config.lora, groups), config, width
        self._own = config.outputs * (width + 1)
        self.size = self._lora.size + self._own

    def start(self, group: GroupData | None, seed: int) -> Adapter:
        """What the group's adapter begins with."""
        return self._lora.start(group, seed)

    def views(self, rows: Tensor) -> list[Tensor]:
        """The LoRA's views, then the heads' [W, outputs, d + 1], the bias last."""
        lora, heads = torch.split(rows, [self._lora.size, self._own], dim=1)
        return [*self._lora.views(lora), heads.view(len(rows), self._config.outputs, self._width + 1)]

    def put_on(self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, keys: Tensor | None) -> None:
        """Add the LoRA's pairs."""
        self._lora.put_on(views[:-1], groups, wave, keys)

    def penalty(self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, hidden: Tensor) -> Tensor:
        """The heads' losses, mean over an item's turns, and whatever holds the LoRA; [W]."""
        first = np.concatenate([example.first_of_turn for example in wave.examples])
        begins = torch.from_numpy(first).to(hidden.device)  # [supervised]
        item = wave.item[begins]  # [turns]
        states = pad(hidden[wave.where[begins]].float(), (0, 1), value=1.0)  # [turns, d + 1]
        outputs = torch.einsum("tod,td->to", views[-1][item], states)
        labels = np.concatenate([example.labels for example in wave.examples])
        losses = self._config.loss(outputs, torch.from_numpy(labels).to(hidden.device, torch.float32))
        zero = losses.new_zeros(len(groups))
        mean = zero.index_add(0, item, losses) / zero.index_add(0, item, torch.ones_like(losses)).clamp(min=1)
        held = self._lora.penalty(views[:-1], groups, wave, hidden)
        return mean if held is None else mean + held

    def learned(self, row: Tensor, group: GroupData) -> Adapter:
        """The adapter that a row [P] holds; the heads are dropped."""
        return self._lora.learned(row[: self._lora.size], group)

    def row(self, learned: Learned) -> Tensor:
        """The adapter's row with heads at zero."""
        return pad(self._lora.row(learned), (0, self._own))
