"""Which method people prefer: from blind rounds, each a choice among the answers of two or three methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.metrics.intervals import Interval, wilson_interval

_STEPS = 10_000
_ENOUGH = 1e-10
_FEWEST_FOR_STRENGTHS = 3  # of two methods, the share of wins says all


@dataclass(frozen=True, slots=True)
class Choice:
    """One round: the methods whose answers stood side by side, and the one that was picked; "" is a tie."""

    shown: tuple[str, ...]
    picked: str


@dataclass(frozen=True, slots=True)
class Preference:
    """How a method fared in the rounds that it was part of."""

    method: str
    wins: int
    ties: int
    losses: int
    rate: float | None  # wins / (wins + losses); None when no round was decided
    interval: Interval | None  # Wilson's, 95%
    chance: float | None  # the rate of one who picks at random among as many columns as there were
    strength: float | None  # estimated share of picks with all methods side by side; None below three methods


def preferences(choices: Sequence[Choice]) -> list[Preference]:
    """Count every method's rounds, the most preferred first.

    Rounds are taken for independent of each other, as Wilson's interval has it.
    """
    methods = list(dict.fromkeys(method for choice in choices for method in choice.shown))
    strengths = _strengths(choices, methods) if len(methods) >= _FEWEST_FOR_STRENGTHS else {}
    found = [_preference(method, choices, strengths.get(method)) for method in methods]
    return sorted(found, key=lambda one: (-(one.strength or 0.0), -(one.rate or 0.0), one.method))


def _preference(method: str, choices: Sequence[Choice], strength: float | None) -> Preference:
    own = [choice for choice in choices if method in choice.shown]
    decided = [choice for choice in own if choice.picked]
    wins = sum(choice.picked == method for choice in decided)
    n = len(decided)
    return Preference(
        method,
        wins,
        len(own) - n,
        n - wins,
        wins / n if n else None,
        wilson_interval(wins, n),
        sum(1 / len(choice.shown) for choice in decided) / n if n else None,
        strength,
    )


def _strengths(choices: Sequence[Choice], methods: Sequence[str]) -> dict[str, float]:
    """Estimate π, which sum to 1, such that method i is picked among the methods S with probability π_i / Σ_S π.

    For pairs this is the model of Bradley and Terry 1952, "Rank analysis of incomplete block designs", Biometrika
    39; for more, Luce's choice axiom. Fitted by Hunter's MM steps (2004, "MM algorithms for generalized
    Bradley-Terry models", Annals of Statistics 32). A tie is a share of a win for each. One tie of all methods is
    added to what was seen: a method that never won would have no strength at all otherwise, and methods that never
    met could not be compared.
    """
    rounds = [*choices, Choice(tuple(methods), "")]
    wins = dict.fromkeys(methods, 0.0)
    for choice in rounds:
        for method in (choice.picked,) if choice.picked else choice.shown:
            wins[method] += 1.0 if choice.picked else 1 / len(choice.shown)
    strength = dict.fromkeys(methods, 1 / len(methods))
    for _ in range(_STEPS):
        pull = dict.fromkeys(methods, 0.0)
        for choice in rounds:
            share = 1 / sum(strength[method] for method in choice.shown)
            for method in choice.shown:
                pull[method] += share
        fresh = {method: wins[method] / pull[method] for method in methods}
        total = sum(fresh.values())
        fresh = {method: value / total for method, value in fresh.items()}
        moved = max(abs(fresh[method] - strength[method]) for method in methods)
        strength = fresh
        if moved < _ENOUGH:
            break
    return strength
