"""A router over scores from anywhere: it chooses on val alone, and is judged on test, which chose nothing.

`lab.methods.route` is imported where it is used: it brings SciPy, and a command imports this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from lab.metrics.paired import Against, Runs, against, family, side_by_side
from lab.report.score_table import DialogueScores

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
    dialogues: Mapping[str, DialogueScores],
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

        routing = by_val(personas, among, _turns([dialogues[name] for name in among], sign))
        choices = {persona: choice.method for persona, choice in routing.choices.items()}
        note = routing.note
    else:
        choices = _by_population(personas, among, val, sign)
        note = (
            "the file has one val score for each persona, so noise cannot be told from what suits a persona: all are "
            "served alike; a column dialogue_id with a line for each val dialogue lets them be routed apart"
        )
    found = family([(NAME, default)], _served(choices, test, default), higher_is_better=higher_is_better)
    if not found:
        return None
    counted = Counter(choices.values())
    return Routed(default, tuple(among), {name: counted[name] for name in among}, choices, found[0], note)


def _turns(scores: Sequence[DialogueScores], sign: float) -> list[dict[str, dict[tuple[str, int], float]]]:
    """Of each method persona → (dialogue, 0) → score, higher being better.

    Averaged over the seeds that all methods ran with, over all seeds if they share none: several answers to a dialogue
    by several trainings are no more dialogues.
    """
    shared = set.intersection(*(set(one) for one in scores))
    return [_over_seeds([run for seed, run in one.items() if seed in shared or not shared], sign) for one in scores]


def _over_seeds(
    runs: Sequence[Mapping[str, Mapping[str, float]]], sign: float
) -> dict[str, dict[tuple[str, int], float]]:
    found: dict[str, dict[tuple[str, int], list[float]]] = {}
    for run in runs:
        for persona, dialogues in run.items():
            own = found.setdefault(persona, {})
            for name, score in dialogues.items():
                own.setdefault((name, 0), []).append(sign * score)
    return {persona: {turn: fmean(values) for turn, values in own.items()} for persona, own in found.items()}


def _by_population(
    personas: Sequence[str], among: Sequence[str], val: Mapping[str, Runs], sign: float
) -> dict[str, str]:
    """For everybody the candidate of the greatest mean gain among those that surely gain, else the default.

    It is what `route.by_val` comes to where all spread between personas is taken for noise: a one-sided paired t-test.
    """
    from lab.methods.route import FEW_FOR_VAL, LEVEL

    default, *candidates = among
    best, most = default, 0.0
    for one in against({name: val[name] for name in among}, default, ranks=False):
        found, gain = one.comparison, sign * one.comparison.difference
        if found.n >= FEW_FOR_VAL and gain > most and found.t_p / 2 <= (1 - LEVEL) / len(candidates):
            best, most = one.method, gain
    return dict.fromkeys(personas, best)


def _served(choices: Mapping[str, str], test: Mapping[str, Runs], default: str) -> dict[str, Runs]:
    """The router's runs and the default's: each persona under the method that serves it, and beside it the default.

    By seed where all who serve ran with the default's seeds. Else seeds do not fit together over personas, and each
    persona has the means over what both its sides share.
    """
    if all(test[method].keys() == test[default].keys() for method in set(choices.values())):
        routed = {
            seed: {one: test[method][seed][one] for one, method in choices.items() if one in test[method][seed]}
            for seed in test[default]
        }
        return {default: test[default], NAME: routed}
    sides = {method: side_by_side(test[method], test[default]) for method in set(choices.values())}
    return {
        name: {0: {one: sides[method][side][one] for one, method in choices.items() if one in sides[method][side]}}
        for side, name in enumerate((NAME, default))
    }
