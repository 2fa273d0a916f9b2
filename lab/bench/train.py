"""`lab bench train`: all personas' adapters in one pass, against `peft` one by one, and against unified training."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from lab.bench.floor import Shape, measure_rates, training_cost
from lab.bench.machine import describe
from lab.bench.material import Material
from lab.bench.measure import Sample, interleave, ratios, timings
from lab.bench.peft_train import Trained, train_one_by_one
from lab.models.lora import attach
from lab.models.memory import tokens_at_once
from lab.models.train import train_groups
from lab.models.trained_lora import initial_adapter
from lab.models.training import GroupData, GroupResult, TrainConfig

EVERYONE = "everyone"


def bench_train(material: Material) -> dict[str, Any]:
    """Train the same data each way, in turn; returns everything measured, as JSON values."""
    base, settings, groups = material.base, material.settings, material.groups
    config = TrainConfig(epochs=settings.epochs)
    everyone = [GroupData(EVERYONE, [example for group in groups for example in group.train])]
    wide = dataclasses.replace(config, batch_size=_dialogues_of_a_wave(material, config))
    lora = settings.lora
    start = initial_adapter(attach(base.model, lora.targets), lora, config.seed)
    machine, rates = describe(base), measure_rates(material.plain)

    def sides(groups: Sequence[GroupData], everyone: Sequence[GroupData]) -> dict[str, Callable[[], Trained]]:
        return {
            "grouped": lambda: _grouped(material, groups, config),
            "peft": lambda: train_one_by_one(material.plain, groups, start, config),
            "unified": lambda: _grouped(material, everyone, wide),
        }

    few = [dataclasses.replace(group, train=group.train[:4]) for group in groups[:2]]
    for warm_up in sides(few, [dataclasses.replace(everyone[0], train=everyone[0].train[:8])]).values():
        warm_up()
    samples = interleave(sides(groups, everyone), settings.repeats, base.device)
    rates = rates.or_better(measure_rates(material.plain))
    lengths = [len(example) for group in groups for example in group.train] * config.epochs
    supervised = sum(int(e.supervised[1:].sum()) for group in groups for e in group.train) * config.epochs
    cost = training_cost(
        Shape.of(material.plain, lora),
        lengths,
        supervised,
        max(-(-len(group.train) // config.batch_size) for group in groups) * config.epochs,
        len(groups),
    )
    told = {name: _told(found) for name, found in samples.items()}
    return {
        "bench": "train",
        "machine": machine,
        "settings": dataclasses.asdict(settings) | {"batch_size": config.batch_size, "unified_batch": wide.batch_size},
        "sides": told,
        "ratios": {
            "peft / grouped": ratios(samples["peft"], samples["grouped"]),
            "grouped / unified": ratios(samples["grouped"], samples["unified"]),
        },
        "loss_difference": _difference(samples["grouped"][0].outcome, samples["peft"][0].outcome),
        "floor": rates.floor(cost, told["grouped"]["median_seconds"]),
    }


def _dialogues_of_a_wave(material: Material, config: TrainConfig) -> int:
    """The batch of unified training that is as large as what shares a pass of grouped training: its best case."""
    lengths = [len(example) for group in material.groups for example in group.train]
    fitting = tokens_at_once(material.base.model) / statistics.fmean(lengths)
    return max(config.batch_size, min(round(fitting), config.batch_size * len(material.groups)))


def _grouped(material: Material, groups: Sequence[GroupData], config: TrainConfig) -> Trained:
    results: list[GroupResult] = []
    summary = train_groups(material.base.model, groups, material.settings.lora, config, on_result=results.append)
    return Trained(
        tokens=summary.tokens,
        computed=round(summary.tokens / (1 - summary.padding)),
        steps=sum(result.steps for result in results),
        losses={result.name: result.train_loss for result in results if result.train_loss is not None},
    )


def _told(samples: Sequence[Sample[Trained]]) -> dict[str, Any]:
    trained = samples[0].outcome
    told = timings(samples)
    return told | {
        "tokens": trained.tokens,
        "tokens_per_second": trained.tokens / told["median_seconds"],
        "padding": 1 - trained.tokens / trained.computed,
        "steps": trained.steps,
        "final_loss": trained.losses,
    }


def _difference(one: Trained, other: Trained) -> float:
    """Largest difference of a persona's loss, mean over the last epoch; without dropout it is near 0."""
    return max(abs(loss - other.losses[name]) for name, loss in one.losses.items())
