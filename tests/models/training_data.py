"""Small random training data, and PEFT training one group alone: what grouped training is measured against."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import peft
import torch
from torch import Tensor
from transformers import PreTrainedModel, get_linear_schedule_with_warmup

from lab.models.batching import Course, Example
from lab.models.lora import Adapter, LoraConfig, attach
from lab.models.train import train_groups
from lab.models.trained_lora import initial_adapter
from lab.models.training import GroupData, GroupResult, LearnedConfig, TrainConfig, TrainEvent

PLAIN = LoraConfig(dropout=0.0)
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def examples(seed: int, count: int, vocabulary: int = 200) -> list[Example]:
    """Dialogues of 4 to 24 tokens, of which a random part is supervised."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        size = int(generator.integers(4, 25))
        supervised = generator.random(size) < generator.uniform(0.1, 0.9)
        supervised[0], supervised[-1] = False, True  # nothing is learned about a sequence's first token
        made.append(Example(generator.integers(0, vocabulary, size), supervised, f"{seed}-{number}"))
    return made


def make_groups(count: int, *, val: int = 0, under: Adapter | None = None) -> list[GroupData]:
    """Groups of 3, 8, 5, 10, ... examples: their last batches are of all sizes."""
    sizes = [3 + 5 * place % 8 for place in range(count)]
    return [
        GroupData(f"persona-{place}", examples(place, size), examples(1000 + place, val), under=under)
        for place, size in enumerate(sizes)
    ]


def groups_of(*sizes: int, **settings: object) -> list[GroupData]:
    """Groups of so many examples each, all with these settings."""
    return [GroupData(f"persona-{n}", examples(n, size), **settings) for n, size in enumerate(sizes)]  # type: ignore[arg-type]


def train(
    model: PreTrainedModel,
    groups: Sequence[GroupData],
    learned: LearnedConfig = PLAIN,
    config: TrainConfig | None = None,
    on_event: Callable[[TrainEvent], None] = lambda _: None,
    **options: object,
) -> dict[str, GroupResult]:
    """Train and collect the results by name."""
    results: list[GroupResult] = []
    train_groups(model, groups, learned, config, on_result=results.append, on_event=on_event, **options)  # type: ignore[arg-type]
    return {result.name: result for result in results}


def trained_adapter(model: PreTrainedModel, seed: int, lora: LoraConfig = PLAIN) -> Adapter:
    """An adapter that does something, as from an earlier run."""
    generator = torch.Generator().manual_seed(seed)
    adapter = initial_adapter(attach(model, lora.targets), lora, seed)
    for b in adapter.b.values():
        b.normal_(std=0.1, generator=generator)
    return adapter


def with_peft(model: PreTrainedModel, adapter: Adapter) -> peft.PeftModel:
    """A copy of the plain model in PEFT, with `adapter` as its trainable one."""
    config = adapter.config
    wrapped = peft.get_peft_model(
        copy.deepcopy(model),
        peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=list(config.targets),
            task_type="CAUSAL_LM",
        ),
    )
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if ".lora_" in name:
                site, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
                parameter.copy_((adapter.a if part.startswith("A") else adapter.b)[site])
    return wrapped


def peft_alone(
    model: PreTrainedModel, group: GroupData, start: Adapter, config: TrainConfig
) -> tuple[Adapter, list[float], list[float]]:
    """Train one group with PEFT, torch's AdamW, and transformers' schedule and loss: adapter, losses, norms."""
    wrapped = with_peft(model, start)
    losses, norms = peft_steps(wrapped, group, config)
    parts: dict[str, dict[str, Tensor]] = {"A": {}, "B": {}}
    for name, parameter in wrapped.named_parameters():
        if parameter.requires_grad:
            site, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
            parts[part[0]][site] = parameter.detach().clone()
    return Adapter(start.config, parts["A"], parts["B"]), losses, norms


def peft_steps(wrapped: peft.PeftModel, group: GroupData, config: TrainConfig) -> tuple[list[float], list[float]]:
    """Train what `wrapped` lets be trained; losses and gradient norms."""
    weights = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    peak = group.learning_rate or config.learning_rate
    optimiser = torch.optim.AdamW(weights, lr=peak, weight_decay=config.weight_decay)
    lengths = [len(example) for example in group.train]
    course = Course(lengths, config.batch_size, config.epochs, config.seed, group.name)
    total = course.total_steps
    schedule = get_linear_schedule_with_warmup(optimiser, math.ceil(total * config.warmup_ratio), total)
    losses, norms = [], []
    for step in range(total):
        loss = wrapped(**_padded([group.train[i] for i in course.batch(step)])).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(weights, config.max_grad_norm)))
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    return losses, norms


def _padded(batch: Sequence[Example]) -> dict[str, Tensor]:
    longest = max(map(len, batch))
    ids, labels = torch.zeros(len(batch), longest, dtype=torch.long), torch.full((len(batch), longest), -100)
    mask = torch.zeros_like(ids)
    for row, example in enumerate(batch):
        size = len(example)
        ids[row, :size] = torch.from_numpy(example.ids)
        labels[row, :size] = torch.where(torch.from_numpy(example.supervised), ids[row, :size], -100)
        mask[row, :size] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def distance(one: Adapter, two: Adapter) -> float:
    """Largest difference of any two parameters."""
    assert one.a.keys() == two.a.keys()
    pairs = [(x[site], y[site]) for x, y in ((one.a, two.a), (one.b, two.b)) for site in x]
    return max(float((x - y).abs().max()) for x, y in pairs)
