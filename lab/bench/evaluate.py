"""`lab bench evaluate`: answers of all personas in mixed batches, against `peft` turn by turn and in its batches."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from lab.bench.floor import Shape, answering_cost, measure_rates
from lab.bench.machine import describe
from lab.bench.material import Material
from lab.bench.measure import Sample, interleave, ratios, timings
from lab.bench.peft_serve import Answers, load_adapters, mixed, one_by_one
from lab.bench.serving import random_adapters, resident_with, rows_of
from lab.models.answer import request_of
from lab.models.decode import Request
from lab.models.serve import generate


def bench_evaluate(material: Material) -> dict[str, Any]:
    """Answer the same held-out turns each way, in turn; returns everything measured, as JSON values."""
    base, settings, new = material.base, material.settings, material.settings.new_tokens
    machine, rates = describe(base), measure_rates(material.plain)
    shape = Shape.of(material.plain, settings.lora)
    adapters = random_adapters(material)
    resident, ids = resident_with(material, adapters, endless=True)
    wrapped = load_adapters(material.plain, adapters)
    personas, rows = zip(*rows_of(material, ids), strict=True)

    def sides(n: int, new: int) -> dict[str, Callable[[], Answers]]:
        def asked() -> list[Request]:  # every side makes its prompts from the messages itself
            return [request_of(resident, row, new) for row in rows[:n]]

        return {
            "mixed": lambda: [list(answer.token_ids) for answer in generate(resident, rows[:n], new)],
            "set_adapter": lambda: one_by_one(wrapped, personas[:n], asked(), new),
            "adapter_names": lambda: mixed(wrapped, personas[:n], asked(), new),
        }

    for warm_up in sides(4, 2).values():
        warm_up()
    samples = interleave(sides(len(rows), new), settings.repeats, base.device)
    rates = rates.or_better(measure_rates(material.plain))
    requests = [request_of(resident, row, new) for row in rows]
    lengths = [len(request.ids) for request in requests]
    told = {name: _told(found, samples["mixed"][0].outcome) for name, found in samples.items()}
    cost = answering_cost(shape, trunks(requests), lengths, new)
    return {
        "bench": "evaluate",
        "machine": machine,
        "settings": dataclasses.asdict(settings) | {"prompt_tokens": sum(lengths)},
        "sides": told,
        "ratios": {f"{name} / mixed": ratios(samples[name], samples["mixed"]) for name in samples if name != "mixed"},
        "floor": rates.floor(cost, told["mixed"]["median_seconds"]),
    }


def trunks(requests: Sequence[Request]) -> list[int]:
    """Lengths of the prompts that have to be read: those that are no beginning of another of the same adapter."""
    order = sorted(requests, key=lambda request: (request.stack, request.ids))
    following = [*order[1:], Request(())]
    return [
        len(one.ids)
        for one, other in zip(order, following, strict=True)
        if one.stack != other.stack or other.ids[: len(one.ids)] != one.ids
    ]


def _told(samples: Sequence[Sample[Answers]], ours: Answers) -> dict[str, Any]:
    answers = samples[0].outcome
    tokens = sum(map(len, answers))
    told = timings(samples)
    return told | {
        "answers": len(answers),
        "tokens": tokens,
        "tokens_per_second": tokens / told["median_seconds"],
        "agreement": statistics.fmean(a == b for a, b in zip(answers, ours, strict=True)),  # same ids as ours
    }
