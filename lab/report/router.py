"""A router over scores from anywhere: it chooses on val alone, and is judged on test, which chose nothing.

`lab.methods.route` is imported where it is used: it brings SciPy, and a command imports this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.metrics.paired import Against, Runs, family, over_seeds
from lab.metrics.statistics import paired_tests

NAME = "router"


@dataclass(frozen=True, slots=True)
class Routed:
    """What a router chose on val, and what came of it on test.

    - `chosen`: method → how many personas it serves;
    - `versus`: the router against its default on test: one comparison, so its p needs no correction;
    - `note`: what it could not know.
    """

    default: str
    among: tuple[str, ...]
    chosen: Mapping[str, int]
    choices: Mapping[str, str]  # persona → method
    versus: Against
    note: str


def route_on_val(
    val: Mapping[str, Runs],
    dialogues: Mapping[str, Mapping[str, Mapping[tuple[str, int], float]]],
    test: Mapping[str, Runs],
    default: str,
    *,
    higher_is_better: bool = True,
) -> Routed | None:
    """Choose by val scores with the lab's shrinkage, and compare the choice with the default on test.

    None where fewer than two methods have both. With scores of single dialogues, each persona's noise is known and
    personas may be routed apart; without, all spread between personas may be noise, so the population decides.
    """
    among = [default, *(name for name in test if name != default and name in val)]
    if len(among) < 2 or default not in val or default not in test:
        return None
    sign = 1.0 if higher_is_better else -1.0
    personas = sorted({persona for run in test[default].values() for persona in run})
    if all(name in dialogues for name in among):
        from lab.methods.route import by_val

        routing = by_val(personas, among, [_signed(dialogues[name], sign) for name in among])
        choices = {persona: choice.method for persona, choice in routing.choices.items()}
        note = routing.note
    else:
        choices = _by_population(personas, among, val, sign)
        note = (
            "the file has one val score for each persona, so noise cannot be told from what suits a persona: all are "
            "served alike; a column dialogue_id with a line for each val dialogue lets them be routed apart"
        )
    table: dict[str, Runs] = {default: test[default], NAME: _served(choices, test)}
    found = family([(NAME, default)], table, higher_is_better=higher_is_better)
    if not found:
        return None
    counted = Counter(choices.values())
    return Routed(default, tuple(among), {name: counted[name] for name in among}, choices, found[0], note)


def _signed(
    scores: Mapping[str, Mapping[tuple[str, int], float]], sign: float
) -> dict[str, dict[tuple[str, int], float]]:
    return {persona: {turn: sign * one for turn, one in turns.items()} for persona, turns in scores.items()}


def _by_population(
    personas: Sequence[str], among: Sequence[str], val: Mapping[str, Runs], sign: float
) -> dict[str, str]:
    """For everybody the candidate of the greatest mean gain among those that surely gain, else the default.

    It is what `route.by_val` comes to where all spread between personas is taken for noise: a one-sided paired t-test.
    """
    from lab.methods.route import FEW_FOR_VAL, LEVEL

    default, *candidates = (over_seeds(val[name]) for name in among)
    best, most = among[0], 0.0
    for name, one in zip(among[1:], candidates, strict=True):
        gains = sign * np.array([one[persona] - default[persona] for persona in one if persona in default])
        _, p, _ = paired_tests(gains)
        if len(gains) >= FEW_FOR_VAL and gains.mean() > most and p / 2 <= (1 - LEVEL) / len(candidates):
            best, most = name, float(gains.mean())
    return dict.fromkeys(personas, best)


def _served(choices: Mapping[str, str], test: Mapping[str, Runs]) -> dict[int, dict[str, float]]:
    """Seed → persona → score of the method that serves it."""
    found: dict[int, dict[str, float]] = {}
    for persona, method in choices.items():
        for seed, scores in test[method].items():
            if persona in scores:
                found.setdefault(seed, {})[persona] = scores[persona]
    return found
