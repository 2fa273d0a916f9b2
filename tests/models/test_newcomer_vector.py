"""A user who comes later is fitted by the vector only: enough to be served like the users who are alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from training_data import ALL_LINEAR, train
from transformers import PreTrainedModel

from lab.methods.extend import VECTOR_RATE
from lab.models.batching import Example
from lab.models.lora import LoraConfig
from lab.models.train import at_work
from lab.models.training import GroupData, TrainConfig
from lab.models.users import UserConfig, UserTokens, VectorConfig
from lab.models.waves import Item

USERS, KINDS, WORDS = 12, 3, 200
HABITS = np.random.default_rng(5).integers(0, WORDS, (KINDS, 3))


def told(user: int, seeds: range, place: int = 0) -> list[Example]:
    """Random requests; the answers are those of the user's kind."""
    made = []
    for seed in seeds:
        request = np.random.default_rng([user, seed]).integers(0, WORDS, 6)
        ids = np.concatenate([request, HABITS[user % KINDS]])
        made.append(Example(ids, np.arange(len(ids)) >= len(request), f"{user}/{seed}", place))
    return made


def test_a_few_steps_of_the_vector_alone_tell_what_kind_of_user_it_is(
    make_model: Callable[..., PreTrainedModel],
) -> None:
    everybody = [example for user in range(USERS) for example in told(user, range(12), user)]
    lora = LoraConfig(4, 8.0, 0.0, ALL_LINEAR)
    config = UserConfig(lora, users=USERS, tokens=4, width=64)
    group = GroupData("everyone", everybody)
    users = train(make_model(), [group], config, TrainConfig(epochs=8, learning_rate=1e-2))["everyone"].learned
    assert isinstance(users, UserTokens)

    newcomers = [
        GroupData(f"new {kind}", told(300 + kind, range(20)), told(300 + kind, range(50, 58)), under=users.adapter)
        for kind in range(KINDS)
    ]
    vector = VectorConfig(users.projector, users.vectors.mean(dim=0))

    def loss(newcomer: GroupData, of: torch.Tensor) -> float:
        with at_work(make_model(), [newcomer], vector, TrainConfig()) as waves:
            row = waves.trained.row(UserTokens(None, users.projector, of[None]))
            losses, wave = waves.losses(row[None], [Item(newcomer, newcomer.val, 0)])
        return float(losses.sum() / wave.counts.sum())

    published = TrainConfig()  # three epochs, of twenty dialogues: 15 steps
    fitted = train(make_model(), newcomers, vector, replace(published, learning_rate=VECTOR_RATE))
    stuck = train(make_model(), newcomers, vector, published)
    for kind, newcomer in enumerate(newcomers):
        mean, alike = loss(newcomer, vector.start), loss(newcomer, users.vectors[kind])
        found, slow = fitted[newcomer.name].val_loss, stuck[newcomer.name].val_loss
        assert found is not None
        assert slow is not None
        assert found - alike < 0.25 * (mean - alike), "most of the way to a user of its kind"
        assert slow - alike > 0.9 * (mean - alike), "at the rate of weights it does not move"
