"""The alternative to grouped training: `peft`, one persona after another, as its documentation shows it.

One base model is loaded, and wrapped for each persona in turn. Batches are padded to their longest, the loss is
the model's own over labels of -100 where nothing is to be learned.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import peft
import torch
from torch import Tensor
from transformers import PreTrainedModel, get_linear_schedule_with_warmup

from lab.models.batching import Course, Example
from lab.models.lora import Adapter
from lab.models.training import GroupData, TrainConfig


@dataclass
class Trained:
    """What one way of training came to."""

    tokens: int = 0
    computed: int = 0  # tokens and padding
    steps: int = 0  # of all groups together
    losses: dict[str, float] = field(default_factory=dict)  # group → mean over the last epoch's steps


def train_one_by_one(
    model: PreTrainedModel, groups: Sequence[GroupData], start: Adapter, config: TrainConfig
) -> Trained:
    """Train every group alone, from the adapter `start`; the model is the plain base again afterwards."""
    trained = Trained()
    for group in groups:
        wrapped = _wrap(model, start)
        losses = _train(wrapped, group, config, trained)
        peft.get_peft_model_state_dict(wrapped)  # what a user would save
        wrapped.unload()
        trained.losses[group.name] = statistics.fmean(losses)
    return trained


def lora_config(adapter: Adapter) -> peft.LoraConfig:
    """The adapter's shape in `peft`'s words."""
    lora = adapter.config
    return peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # a float will do
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        task_type="CAUSAL_LM",
    )


def _wrap(model: PreTrainedModel, start: Adapter) -> peft.PeftModel:
    """The model with one trainable adapter; in float32 over a base in half precision, as is `peft`'s default."""
    wrapped = peft.get_peft_model(model, lora_config(start))
    weights = {f"base_model.model.{site}.lora_A.weight": a for site, a in start.a.items()}
    weights |= {f"base_model.model.{site}.lora_B.weight": b for site, b in start.b.items()}
    peft.set_peft_model_state_dict(wrapped, weights)
    return wrapped


def _train(model: peft.PeftModel, group: GroupData, config: TrainConfig, trained: Trained) -> list[float]:
    """Train one adapter; returns the losses of the last epoch."""
    model.train()
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
    lengths = [len(example) for example in group.train]
    course = Course(lengths, config.batch_size, config.epochs, config.seed, group.name)
    warmup = math.ceil(course.total_steps * config.warmup_ratio)
    schedule = get_linear_schedule_with_warmup(optimiser, warmup, course.total_steps)  # type: ignore[no-untyped-call]
    losses = []
    for step in range(course.total_steps):
        batch = _collate([group.train[i] for i in course.batch(step)], model.device)
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, config.max_grad_norm)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        losses.append(loss.detach())
        trained.tokens += course.tokens(step)
        trained.computed += batch["input_ids"].numel()
        trained.steps += 1
    return torch.stack(losses[-course.steps_per_epoch :]).tolist()


def _collate(batch: Sequence[Example], device: torch.device) -> dict[str, Tensor]:
    longest = max(map(len, batch))
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, example in enumerate(batch):
        size = len(example)
        ids[row, :size] = torch.from_numpy(example.ids)
        labels[row, :size] = torch.where(torch.from_numpy(example.supervised), ids[row, :size], -100)
        mask[row, :size] = 1
    return {name: x.to(device) for name, x in (("input_ids", ids), ("labels", labels), ("attention_mask", mask))}
