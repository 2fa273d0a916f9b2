"""What each method adds is what makes it better: on a task built for it, it beats itself with that part off."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_data import ALL_LINEAR, train
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from lab.models.batching import Example
from lab.models.gate import Gate, GateConfig
from lab.models.heads import HeadConfig, HeadsConfig
from lab.models.lora import LoraConfig
from lab.models.meta import MetaConfig, learn_start
from lab.models.train import at_work
from lab.models.training import GroupData, Learned, LearnedConfig, TrainConfig
from lab.models.users import UserConfig, UserTokens
from lab.models.waves import Item

MakeModel = Callable[..., PreTrainedModel]
LORA = LoraConfig(4, 8.0, 0.0, ALL_LINEAR)
WORDS = 200


def saying(answer: list[int], seed: int, user: int = 0, features: list[float] | None = None) -> Example:
    """A random request and this answer."""
    request = np.random.default_rng([seed, 77]).integers(0, WORDS, 6)
    ids = np.concatenate([request, answer])
    known = None if features is None else np.array(features, dtype=np.float32)
    return Example(ids, np.arange(len(ids)) >= len(request), f"{seed}", user, known)


def habits(count: int) -> list[list[int]]:
    """Answers of three tokens, one for each user."""
    return np.random.default_rng(5).integers(0, WORDS, (count, 3)).tolist()


def val_loss(model: PreTrainedModel, group: GroupData, learned: LearnedConfig, found: Learned) -> float:
    """Mean NLL of the group's val tokens under what was found."""
    with at_work(model, [group], learned, TrainConfig()) as waves:
        losses, wave = waves.losses(waves.trained.row(found)[None], [Item(group, group.val, 0)])
    return float(losses.sum() / wave.counts.sum())


def test_a_mixtures_gate_beats_a_uniform_one_where_experts_disagree(make_model: MakeModel) -> None:
    kinds = habits(2)
    specialists = [GroupData(f"kind {n}", [saying(kind, seed) for seed in range(12)]) for n, kind in enumerate(kinds)]
    found = train(make_model(), specialists, LORA, TrainConfig(epochs=20, learning_rate=5e-2))
    experts = [result.learned for result in found.values()]

    def told(seeds: range) -> list[Example]:
        return [saying(kinds[seed % 2], seed, features=[float(seed % 2 == n) for n in range(2)]) for seed in seeds]

    group = GroupData("gate", told(range(100, 124)), told(range(200, 212)), experts=experts)  # type: ignore[arg-type]
    gated = train(make_model(), [group], GateConfig(2), TrainConfig(epochs=10, learning_rate=0.2))["gate"]
    uniform = val_loss(make_model(), group, GateConfig(2), Gate(torch.zeros(2, 2), torch.zeros(2)))
    assert gated.val_loss is not None
    assert gated.val_loss < 0.8 * uniform


def test_user_embeddings_beat_vectors_of_zero_where_users_differ(make_model: MakeModel) -> None:
    users = habits(4)
    config = UserConfig(LORA, users=4, tokens=2, width=16)

    def told(seeds: range) -> list[Example]:
        return [saying(users[seed % 4], seed, user=seed % 4) for seed in seeds]

    group = GroupData("everyone", told(range(48)), told(range(100, 116)))
    found = train(make_model(), [group], config, TrainConfig(epochs=12, learning_rate=1e-2))["everyone"]
    assert isinstance(found.learned, UserTokens)
    alike = replace(found.learned, vectors=torch.zeros_like(found.learned.vectors))
    assert found.val_loss is not None
    assert found.val_loss < 0.7 * val_loss(make_model(), group, config, alike)


@pytest.mark.parametrize(("how", "rate"), [("reptile", 0.7), ("fomaml", 0.02)])
def test_a_learned_start_beats_the_usual_one_for_users_never_seen(make_model: MakeModel, how: str, rate: float) -> None:
    """All users share three of four tokens: what is common is in the start, a few steps find the rest."""
    common = habits(1)[0]

    def user(number: int) -> GroupData:
        answer = [*common, 10 + number]
        examples = [saying(answer, 100 * number + seed) for seed in range(12)]
        return GroupData(f"user {number}", examples[:8], examples[8:])

    few = TrainConfig(epochs=1, batch_size=2, learning_rate=2e-2, warmup_ratio=0.0)
    meta = MetaConfig(how, rounds=20, groups=4, steps=4, rate=rate)  # type: ignore[arg-type]
    learned = learn_start(make_model(), [user(n) for n in range(8)], LORA, few, meta)
    strangers = [user(n) for n in range(20, 24)]
    usual = train(make_model(), strangers, LORA, few)
    begun = train(make_model(), [replace(group, start=learned.start) for group in strangers], LORA, few)
    gains = [usual[name].val_loss - begun[name].val_loss for name in usual]  # type: ignore[operator]
    assert min(gains) > 1.0


# ---------------------------------------------------------------- multitask

KINDS, SYNONYMS = 4, 6
KNOWN, UNKNOWN = range(2), range(2, SYNONYMS)  # of each kind's words
ASKED, PLAIN = 56, 55  # whether the answer tells the kind, or is always the same


def request(seed: int, mode: int, synonyms: range, *, random_answer: bool = False) -> Example:
    """Any of some words asks for a kind; the label knows the kind, the answer tells it only where asked to."""
    random = np.random.default_rng([seed, mode])
    kind, word = int(random.integers(0, KINDS)), int(random.choice(synonyms))
    told = int(random.integers(0, KINDS)) if random_answer else kind
    answer = 190 + told if mode == ASKED else 189
    ids = np.array([*random.integers(60, 180, 2), mode, kind * SYNONYMS + word, answer])
    return Example(ids, np.arange(5) == 4, str(seed), labels=np.array([[kind]], dtype=np.float32))


def taught_model() -> PreTrainedModel:
    """A small model that answers by the kind of the words it knows, and guesses for all others."""
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=WORDS, initializer_range=0.1, **shape)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    seeds = iter(range(10**6, 10**7))
    for _ in range(200):
        batch = [request(next(seeds), mode, KNOWN) for mode in (PLAIN, ASKED) * 16]
        batch += [request(next(seeds), mode, UNKNOWN, random_answer=True) for mode in (PLAIN, ASKED) * 16]
        ids = torch.from_numpy(np.stack([one.ids for one in batch]))
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return model.eval().requires_grad_(False)


def test_a_head_that_is_told_the_kind_beats_the_same_head_at_weight_0() -> None:
    """Of two thirds of the words no answer ever tells the kind: only the head does, and the answers follow."""
    examples = [request(seed, PLAIN, range(SYNONYMS)) for seed in range(96)]
    examples += [request(seed, ASKED, KNOWN) for seed in range(48)]
    group = GroupData("everyone", examples, [request(seed, ASKED, UNKNOWN) for seed in range(500, 600)])
    config = TrainConfig(epochs=10, batch_size=8, learning_rate=1e-2)
    model = taught_model()
    losses = {}
    for weight in (0.0, 3.0):
        heads = HeadsConfig(LORA, (HeadConfig("class", KINDS, weight),))
        losses[weight] = train(copy.deepcopy(model), [group], heads, config)["everyone"].val_loss
    assert losses[0.0] > 0.95 * np.log(KINDS)  # a guess
    assert losses[3.0] < 0.9 * losses[0.0]  # 0.67 to 0.83 of it, by the model's seed
