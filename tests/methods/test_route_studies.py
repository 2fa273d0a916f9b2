"""Routing by val in hundreds of simulated studies: what it claims, what it finds, and what lasts on new turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from lab.methods.route import LEVEL, own_gains, pick, shrink, surely_above_zero

STUDIES = 200


class Turns(NamedTuple):
    persona: np.ndarray  # [t]
    dialogue: np.ndarray  # [t]


class Lab(NamedTuple):
    """Studies drawn by chance: so many val dialogues of 1 … 5 turns for each persona, turns of one being alike."""

    n: int = 200
    dialogues: int = 10
    noise: float = 0.12  # standard deviation of one turn's paired difference
    correlation: float = 0.2  # of two turns of a dialogue
    unlike: float = 0.3  # how the noise differs between personas, standard deviation of its logarithm

    def turns(self, rng: np.random.Generator) -> Turns:
        sizes = rng.integers(1, 6, self.n * self.dialogues)
        return Turns(np.repeat(np.arange(len(sizes)) // self.dialogues, sizes), np.repeat(np.arange(len(sizes)), sizes))

    def noisy(self, rng: np.random.Generator, turns: Turns, gain: np.ndarray) -> np.ndarray:
        """Paired differences [c, t] of candidates with true gains [c, n]."""
        noise = (self.noise * np.exp(self.unlike * rng.normal(size=self.n)))[turns.persona]
        shared = rng.normal(size=(len(gain), self.n * self.dialogues))[:, turns.dialogue]
        own = rng.normal(size=(len(gain), len(turns.persona)))
        mixed = self.correlation**0.5 * shared + (1 - self.correlation) ** 0.5 * own
        found: np.ndarray = gain[:, turns.persona] + noise * mixed
        return found


class Outcome(NamedTuple):
    """What became of s studies; gains are means over personas, 0 for those with the default."""

    moved: np.ndarray  # [s, n], who left the default
    truth: np.ndarray  # [s, c, n], gains that candidates truly have
    test: np.ndarray  # [s], gain of the choices on turns that chose nothing
    naive_val: np.ndarray  # [s], gain of the best raw val scores on val itself, as published
    naive_test: np.ndarray  # [s], and on turns that chose nothing


def simulate(draw: Callable[[np.random.Generator, int], np.ndarray], lab: Lab, studies: int = STUDIES) -> Outcome:
    """`draw(rng, n)` gives the true gains [c, n] of a study."""
    rows = []
    for study in range(studies):
        rng = np.random.default_rng(study)
        truth = draw(rng, lab.n)
        turns = lab.turns(rng)
        own = [own_gains(gain, *turns) for gain in lab.noisy(rng, turns, truth)]
        beliefs = [shrink(one) for one in own]
        sure = np.array([surely_above_zero(*pair) for pair in zip(beliefs, own, strict=True)])
        best = pick(np.array([belief.mean for belief in beliefs]), sure >= 1 - (1 - LEVEL) / len(truth))
        val = np.array([one.mean for one in own])
        later = lab.turns(rng)
        test = np.array([own_gains(gain, *later).mean for gain in lab.noisy(rng, later, truth)])
        naive = pick(val, val > 0)
        rows.append((best > 0, truth, _gained(test, best), _gained(val, naive), _gained(test, naive)))
    return Outcome(*(np.array(column) for column in zip(*rows, strict=True)))


def _gained(gains: np.ndarray, best: np.ndarray) -> float:
    """Mean over personas of what the chosen candidate adds, 0 for the default."""
    chosen = gains[np.maximum(best - 1, 0), np.arange(gains.shape[1])]
    return float(np.where(best > 0, chosen, 0).mean())


def standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_the_variance_of_a_mean_is_right_also_where_turns_of_a_dialogue_are_alike(correlation):
    rng = np.random.default_rng(2)
    lab = Lab(n=3000, dialogues=5, correlation=correlation, unlike=0.0)
    turns, gain = lab.turns(rng), np.zeros((1, lab.n))
    own = own_gains(lab.noisy(rng, turns, gain)[0], turns.persona, turns.dialogue)
    true = (own.mean**2).mean()
    assert own.variance.mean() == pytest.approx(true, rel=0.1)
    as_if_independent = (lab.noise**2 / np.bincount(turns.persona)).mean()
    assert (as_if_independent < 0.6 * true) == (correlation > 0)


@pytest.mark.parametrize("lab", [Lab(), Lab(dialogues=5), Lab(n=20), Lab(n=8)], ids=["200", "few val", "20", "8"])
def test_where_no_method_is_better_no_gain_is_claimed(lab):
    found = simulate(lambda _, n: np.zeros((3, n)), lab)
    assert found.moved.any(axis=1).mean() <= 0.05 + 2 * (0.05 * 0.95 / STUDIES) ** 0.5  # of the studies
    assert found.moved.mean() <= 0.02  # of the personas
    assert abs(found.test.mean()) <= 3 * standard_error(found.test)
    assert found.naive_val.mean() > 0.01, "the maximum of noisy val scores does claim one"
    assert abs(found.naive_test.mean()) <= 3 * standard_error(found.naive_test)


def test_a_gain_of_some_is_found_and_lasts():
    """30% gain 0.08, with 10 val dialogues each and the noise of one turn half as large again."""
    found = simulate(lambda rng, n: np.where(rng.random((1, n)) < 0.3, 0.08, 0.0), Lab())
    gainers = found.truth[:, 0] > 0
    assert found.moved[gainers].mean() > 0.8  # power
    assert found.moved[~gainers].mean() < 0.08
    assert found.test.mean() > 0.75 * 0.3 * 0.08
    assert found.test.min() > 0


@pytest.mark.parametrize("lab", [Lab(), Lab(dialogues=5), Lab(n=8)], ids=["200", "few val", "8"])
def test_where_most_lose_the_few_who_gain_are_found_or_left_but_nobody_is_harmed_on_average(lab):
    """As published: the candidate is worse for most personas, and better for about one in five."""
    found = simulate(lambda rng, n: rng.normal(-0.03, 0.04, (3, n)), lab)
    assert found.test.mean() >= -2 * standard_error(found.test)
    assert found.naive_test.mean() < found.naive_val.mean() - 0.01
