"""Blind rounds counted: wins, ties and losses, and how strong a method is beside all others."""

from __future__ import annotations

import numpy as np
import pytest

from lab.metrics.intervals import wilson_interval
from lab.metrics.preference import Choice, preferences


def pairs(a: int, ties: int, b: int) -> list[Choice]:
    shown = ("a", "b")
    return [Choice(shown, "a")] * a + [Choice(shown, "")] * ties + [Choice(shown[::-1], "b")] * b


def test_two_methods_are_told_by_their_wins_alone():
    first, second = preferences(pairs(6, 2, 3))
    assert (first.method, first.wins, first.ties, first.losses) == ("a", 6, 2, 3)
    assert (second.method, second.wins, second.ties, second.losses) == ("b", 3, 2, 6)
    assert first.rate == pytest.approx(6 / 9)
    assert first.interval == wilson_interval(6, 9)
    assert first.chance == second.chance == 0.5
    assert first.strength is second.strength is None


def test_without_a_decided_round_nothing_is_known():
    for one in preferences(pairs(0, 3, 0)):
        assert (one.wins, one.ties, one.losses) == (0, 3, 0)
        assert one.rate is one.interval is one.chance is None
    assert preferences([]) == []


def test_of_three_columns_chance_is_a_third_and_only_rounds_it_was_part_of_count():
    rounds = [Choice(("a", "b", "c"), "a"), Choice(("b", "c"), "c")]
    found = {one.method: one for one in preferences(rounds)}
    assert (found["a"].wins, found["a"].losses, found["a"].chance) == (1, 0, pytest.approx(1 / 3))
    assert (found["c"].wins, found["c"].losses, found["c"].chance) == (1, 1, pytest.approx(5 / 12))


def test_strengths_are_those_that_picks_were_drawn_by():
    rng = np.random.default_rng(0)
    true = {"a": 0.5, "b": 0.3, "c": 0.2}
    rounds = []
    for _ in range(4000):
        shown = tuple(rng.permutation(list(true))[: rng.integers(2, 4)])
        weights = np.array([true[one] for one in shown])
        rounds.append(Choice(shown, str(rng.choice(shown, p=weights / weights.sum()))))
    found = preferences(rounds)
    assert [one.method for one in found] == ["a", "b", "c"]
    assert {one.method: one.strength for one in found} == pytest.approx(true, abs=0.02)


def test_a_method_that_never_won_and_methods_that_never_met_still_have_a_strength():
    found = preferences([*[Choice(("a", "b"), "a")] * 5, *[Choice(("c", "d"), "")] * 2])
    # With the one tie added: 5 π_a / (π_a + π_b) + π_a = 5.25, and π_c = π_d = 1/4.
    expected = {"a": 5.25 / 11, "b": 0.25 / 11, "c": 0.25, "d": 0.25}
    assert {one.method: one.strength for one in found} == pytest.approx(expected, abs=1e-6)
