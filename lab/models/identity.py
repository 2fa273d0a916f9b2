"""What a training run is: a digest over everything that decides its result."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence

from torch import Tensor
from transformers import PreTrainedModel

from lab.models.training import GroupData, LearnedConfig, TrainConfig

# These change how the work is cut up and when it is saved, not what comes out.
_NOT_THE_RESULT = ("in_flight", "checkpoint_steps", "checkpoint_seconds")


def run_digest(model: PreTrainedModel, groups: Sequence[GroupData], learned: LearnedConfig, config: TrainConfig) -> str:
    """SHA-256 (hex) of the data, the settings and a sample of the base model's weights."""
    settings = dataclasses.asdict(config)
    for name in _NOT_THE_RESULT:
        del settings[name]
    content = [type(learned).__name__, dataclasses.asdict(learned), settings, str(model.dtype)]
    sha = hashlib.sha256(json.dumps(content, default=_of_tensor).encode())
    # Of parameters, not of grouped layers: which layers are grouped depends on what the process did before.
    for name, weights in model.named_parameters():
        sha.update(name.encode() + weights[:1].detach().float().cpu().numpy().tobytes())
    for group in groups:
        under = group.under.digest() if group.under else None
        lora = dataclasses.asdict(group.lora) if group.lora else None
        start = group.start.digest() if group.start else None
        leash, experts = dataclasses.asdict(group.leash), [expert.digest() for expert in group.experts]
        own = [group.name, group.learning_rate, under, lora, group.seed, group.stream, start, leash, experts]
        sha.update(json.dumps([*own, len(group.train), len(group.val)]).encode())
        for example in (*group.train, *group.val):
            sha.update(len(example).to_bytes(8, "little") + example.ids.tobytes() + example.supervised.tobytes())
            sha.update(example.user.to_bytes(8, "little"))
            for known in (example.features, example.labels):
                sha.update(b"" if known is None else known.tobytes())
    return sha.hexdigest()


def _of_tensor(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()
