"""`lab bench scale`: what one pass over ten times, a hundred times, … as many personas costs.

Each persona has a few short random dialogues. What it learns goes to disk in PEFT's format as soon as it is
trained, as in a study, so the memory of a run is that of the groups in flight.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lab.bench.machine import describe
from lab.bench.material import Material
from lab.bench.measure import Sample, interleave, timings
from lab.models.batching import Example
from lab.models.lora import Adapter
from lab.models.peft_format import save_peft
from lab.models.train import train_groups
from lab.models.training import GroupData, GroupResult, TrainConfig, TrainSummary

_DIALOGUES, _TOKENS = 4, 32  # of each simulated persona; tokens of a dialogue


def bench_scale(material: Material) -> dict[str, Any]:
    """Train 10, 100, … up to the settings' number of personas; returns everything measured, as JSON values."""
    settings, base = material.settings, material.base
    config = TrainConfig(epochs=settings.epochs)
    samples: dict[int, list[Sample[tuple[TrainSummary, int]]]] = {}
    _train(material, _simulated(base.model.config.get_text_config().vocab_size, 10), config)  # warm
    for personas in _sizes(settings.personas):
        groups = _simulated(base.model.config.get_text_config().vocab_size, personas)
        work = {f"{personas} personas": lambda groups=groups: _train(material, groups, config)}
        (samples[personas],) = interleave(work, settings.repeats, base.device).values()
    return {
        "bench": "scale",
        "machine": describe(base),
        "settings": dataclasses.asdict(settings) | {"dialogues": _DIALOGUES, "tokens_per_dialogue": _TOKENS},
        "sides": {f"{personas:,} personas": _told(personas, found) for personas, found in samples.items()},
        "exponent": _exponent({personas: timings(found)["median_seconds"] for personas, found in samples.items()}),
    }


def _sizes(most: int) -> Iterator[int]:
    """10, 100, … and `most`."""
    yield from itertools.takewhile(lambda size: size < most, (10**power for power in itertools.count(1)))
    yield most


def _simulated(vocabulary: int, personas: int) -> list[GroupData]:
    random = np.random.default_rng(0)
    supervised = np.arange(_TOKENS) >= _TOKENS // 2

    def examples(count: int) -> list[Example]:
        return [Example(random.integers(vocabulary, size=_TOKENS), supervised) for _ in range(count)]

    return [GroupData(f"persona-{number}", examples(_DIALOGUES), examples(1)) for number in range(personas)]


def _train(material: Material, groups: list[GroupData], config: TrainConfig) -> tuple[TrainSummary, int]:
    """Train and save; returns the summary and the bytes on disk."""
    with tempfile.TemporaryDirectory() as scratch:

        def save(result: GroupResult) -> None:
            assert isinstance(result.learned, Adapter)
            save_peft(result.learned, Path(scratch, result.name), material.base.name)

        summary = train_groups(material.base.model, groups, material.settings.lora, config, on_result=save)
        return summary, sum(file.stat().st_size for file in Path(scratch).rglob("*.*"))


def _told(personas: int, samples: list[Sample[tuple[TrainSummary, int]]]) -> dict[str, Any]:
    summary, written = samples[0].outcome
    told = timings(samples)
    return told | {
        "tokens": summary.tokens,
        "tokens_per_second": summary.tokens / told["median_seconds"],
        "ms_per_persona": 1000 * told["median_seconds"] / personas,
        "written_bytes": written,
    }


def _exponent(seconds: dict[int, float]) -> float | None:
    """k in seconds ~ personasᵏ, by least squares over the logarithms; 1 is linear. None for a single size."""
    if len(seconds) < 2:
        return None
    return float(np.polyfit([math.log(n) for n in seconds], [math.log(s) for s in seconds.values()], 1)[0])
