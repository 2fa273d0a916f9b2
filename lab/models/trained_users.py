"""User embeddings in training: a LoRA, a projector and a vector for each user together, or a new vector alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Wave
from lab.models.dropout import hash32
from lab.models.lora import GroupedLinear
from lab.models.packing import Lead
from lab.models.trained_lora import TrainedLora
from lab.models.training import GroupData, Learned
from lab.models.users import Projector, UserConfig, UserTokens, VectorConfig
from lab.models.virtual import VirtualConfig, initial_tokens


class TrainedUsers:
    """The row [P] of a LoRA, then the projector's weights [v, d, k] and bias [v, d], then the vectors [users, k].

    Vectors begin at random, of length about √k, the projector's weights at zero and its bias at the embeddings of
    real tokens: at first every user is served alike, and the vectors are what tells them apart from the first step.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        sites: Mapping[str, GroupedLinear],
        config: UserConfig,
        groups: Sequence[GroupData],
    ) -> None:
        for example in (example for group in groups for example in (*group.train, *group.val)):
            if not 0 <= example.user < config.users:
                raise LabError(
                    f"Example {example.key!r}: there are {config.users} users, and this is of {example.user}."
                )
        self._model, self._config = model, config
        self._lora = TrainedLora(sites, config.lora, groups)
        self._d: int = model.get_input_embeddings().weight.shape[1]  # type: ignore[index,assignment]
        self.virtual = config.tokens
        prompt = config.tokens * self._d
        self._sizes = [self._lora.size, prompt * config.width, prompt, config.users * config.width]
        self.size = sum(self._sizes)

    def start(self, group: GroupData | None, seed: int) -> UserTokens:
        """What a group begins with."""
        c = self._config
        bias = initial_tokens(self._model, VirtualConfig("soft-prompt", c.tokens), seed).vectors
        generator = torch.Generator().manual_seed(hash32(f"{seed}/users"))
        vectors = torch.randn(c.users, c.width, generator=generator)
        return UserTokens(self._lora.start(group, seed), Projector(bias.new_zeros(*bias.shape, c.width), bias), vectors)

    def views(self, rows: Tensor) -> list[Tensor]:
        """The LoRA's views, then weights [W, v, d, k], bias [W, v, d] and vectors [W, users, k]."""
        c = self._config
        lora, weights, bias, vectors = torch.split(rows, self._sizes, dim=1)
        shape = (len(rows), c.tokens, self._d)
        return [
            *self._lora.views(lora),
            weights.view(*shape, c.width),
            bias.view(shape),
            vectors.view(len(rows), c.users, c.width),
        ]

    def put_on(self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, keys: Tensor | None) -> Lead:
        """Add the LoRA's pairs, and begin each sequence with its user's soft prompt."""
        self._lora.put_on(views[:-3], groups, wave, keys)
        weights, bias, vectors = views[-3:]
        users = torch.tensor([example.user for example in wave.examples], device=bias.device)
        own = vectors[wave.owner, users]  # [n, k]
        soft = torch.cat(
            [
                torch.einsum("vdk,nk->nvd", weights[item], own[wave.owner == item]) + bias[item]
                for item in range(len(groups))
            ]
        )  # the sequences of an item lie together
        return Lead(soft=soft)

    def penalty(
        self, views: Sequence[Tensor], groups: Sequence[GroupData], wave: Wave, hidden: Tensor
    ) -> Tensor | None:
        """Whatever holds the LoRA."""
        return self._lora.penalty(views[:-3], groups, wave, hidden)

    def learned(self, row: Tensor, group: GroupData) -> UserTokens:
        """What a row [P] holds, copied to the CPU."""
        on_cpu = row.detach().to("cpu", copy=True)
        weights, bias, vectors = (view[0].clone() for view in self.views(on_cpu[None])[-3:])
        return UserTokens(self._lora.learned(on_cpu[: self._lora.size], group), Projector(weights, bias), vectors)

    def row(self, learned: Learned) -> Tensor:
        """Everything as one float32 row [P]."""
        assert isinstance(learned, UserTokens)
        assert learned.adapter is not None
        parts = (learned.projector.weights, learned.projector.bias, learned.vectors)
        return torch.cat([self._lora.row(learned.adapter), *(part.flatten() for part in parts)])


class TrainedVector:
    """One vector [k] for each group; the projector, and the LoRA that the group stands on, stay as they are."""

    def __init__(self, config: VectorConfig, device: torch.device) -> None:
        if config.start.shape != config.projector.weights.shape[-1:]:
            raise LabError("A user's vector has as many numbers as the projector reads.")
        self._config = config
        self._projector = Projector(config.projector.weights.to(device), config.projector.bias.to(device))
        self.size = len(config.start)
        self.virtual = len(config.projector.bias)

    def start(self, _group: GroupData | None, _seed: int) -> UserTokens:
        """The vector that all begin with."""
        return UserTokens(None, self._config.projector, self._config.start[None])

    def views(self, rows: Tensor) -> list[Tensor]:
        """The vectors [W, k]."""
        return [rows]

    def put_on(self, views: Sequence[Tensor], _groups: Sequence[GroupData], wave: Wave, _keys: Tensor | None) -> Lead:
        """Begin each sequence with the soft prompt of its group's vector."""
        return Lead(soft=self._projector.prompts(views[0])[wave.owner])

    def penalty(self, _views: Sequence[Tensor], _groups: Sequence[GroupData], _wave: Wave, _hidden: Tensor) -> None:
        """Nothing but the NLL."""

    def learned(self, row: Tensor, _group: GroupData) -> UserTokens:
        """The vector that a row [P] holds, copied to the CPU."""
        return UserTokens(None, self._config.projector, row.detach().to("cpu", copy=True)[None])

    def row(self, learned: Learned) -> Tensor:
        """The vector as a row [P]."""
        assert isinstance(learned, UserTokens)
        return learned.vectors[0]
