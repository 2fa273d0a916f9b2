"""A configuration of each kind of learned parameters, and groups that learn them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from training_data import examples, groups_of, trained_adapter
from transformers import PreTrainedModel

from lab.models.batching import Example
from lab.models.blend import BlendConfig
from lab.models.gate import GateConfig
from lab.models.heads import HeadConfig, HeadsConfig
from lab.models.lora import LoraConfig
from lab.models.training import GroupData, LearnedConfig, Leash
from lab.models.users import Projector, UserConfig, VectorConfig
from lab.models.virtual import VirtualConfig

SMALL = LoraConfig(rank=3, alpha=6.0, dropout=0.0)
KINDS = ("lora", "held", "begun", "heads", "blend", "gate", "users", "vector", "soft-prompt", "prefix")


def kinds(model: PreTrainedModel) -> dict[str, tuple[LearnedConfig, list[GroupData]]]:
    """A configuration of each kind, and groups for it."""
    experts = [trained_adapter(model, seed) for seed in range(3)]
    random = np.random.default_rng(0)

    def full(example: Example, place: int) -> Example:
        labels = np.zeros((int(example.first_of_turn.sum()), 1), dtype=np.float32)
        return replace(example, user=place % 3, features=random.normal(size=4).astype(np.float32), labels=labels)

    groups = [
        replace(
            group,
            train=[full(example, place) for place, example in enumerate(group.train)],
            val=[full(example, place) for place, example in enumerate(examples(50 + n, 2))],
            experts=experts,
        )
        for n, group in enumerate(groups_of(5, 7, 3))
    ]
    projector = Projector(
        torch.randn(2, model.config.hidden_size, 5, generator=torch.Generator().manual_seed(0)),
        torch.zeros(2, model.config.hidden_size),
    )
    held = [replace(group, under=experts[0], leash=Leash(pull=0.1, distil=0.1)) for group in groups]
    return {
        "lora": (replace(SMALL, dropout=0.1), groups),
        "held": (SMALL, held),
        "begun": (SMALL, [replace(group, start=trained_adapter(model, 8, SMALL)) for group in groups]),
        "heads": (HeadsConfig(SMALL, (HeadConfig("class", 2, 0.1),)), groups),
        "blend": (BlendConfig(), groups),
        "gate": (GateConfig(4), groups),
        "users": (UserConfig(SMALL, users=3, tokens=2, width=5), groups),
        "vector": (VectorConfig(projector, torch.zeros(5)), groups),
        "soft-prompt": (VirtualConfig("soft-prompt", 2), groups),
        "prefix": (VirtualConfig("prefix", 2), groups),
    }
