"""Soft prompts and prefixes of many groups in training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.packing import Lead
from lab.models.training import GroupData, Learned
from lab.models.virtual import VirtualConfig, VirtualTokens, initial_tokens, key_value_shape


class TrainedVirtual:
    """The v vectors of each group as one row [P]."""

    def __init__(self, model: PreTrainedModel, config: VirtualConfig, groups: Sequence[GroupData], seed: int) -> None:
        for group in groups:
            if group.lora is not None:
                raise LabError(f"Group {group.name!r} has LoRA settings, but what is trained is a {config.kind}.")
        self._config, self._dtype = config, model.dtype
        self._shape = key_value_shape(model) if config.kind == "prefix" else None
        self._width: int = self._shape.width if self._shape else model.get_input_embeddings().weight.shape[1]  # type: ignore[index,assignment]
        self.size = config.tokens * self._width
        self.virtual = 0 if self._shape else config.tokens
        seeds = {seed, *(group.seed for group in groups if group.seed is not None)}
        self._starts = {one: initial_tokens(model, config, one) for one in seeds}

    def start(self, _group: GroupData | None, seed: int) -> VirtualTokens:
        """What a group begins with."""
        return self._starts[seed]

    def views(self, rows: Tensor) -> list[Tensor]:
        """The vectors [W, v, width], a view of rows [W, P]."""
        return [rows.view(len(rows), self._config.tokens, self._width)]

    def put_on(self, views: Sequence[Tensor], _groups: Sequence[GroupData], wave: Wave, _keys: Tensor | None) -> Lead:
        """What each of the wave's sequences begins with."""
        vectors = views[0][wave.owner]  # [n, v, width]
        if self._shape is None:
            return Lead(soft=vectors)
        return Lead(prefix=self._shape.spread(vectors.to(self._dtype)))

    def penalty(self, _views: Sequence[Tensor], _groups: Sequence[GroupData], _wave: Wave, _hidden: Tensor) -> None:
        """Nothing but the NLL."""

    def learned(self, row: Tensor, _group: GroupData) -> VirtualTokens:
        """The virtual tokens that a row [P] holds, copied to the CPU."""
        vectors = row.detach().to("cpu", copy=True).view(self._config.tokens, self._width)
        return VirtualTokens(self._config, vectors)

    def row(self, learned: Learned) -> Tensor:
        """The vectors as one float32 row [P]."""
        assert isinstance(learned, VirtualTokens)
        return learned.vectors.flatten()
