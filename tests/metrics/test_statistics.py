"""Comparing a method with unified: the numbers are SciPy's, the edge cases are sane, the order never matters."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.errors import LabError
from lab.metrics.intervals import wilson_interval
from lab.metrics.statistics import (
    Comparison,
    PersonaValue,
    compare,
    compare_many,
    holm,
    paired_t_test,
    smallest_detectable_effect,
    summarise,
)

SCORES = st.dictionaries(st.text(min_size=1, max_size=4), st.floats(-10, 10), min_size=1, max_size=8)


def personas(values: np.ndarray | list[float]) -> dict[str, float]:
    return {f"persona_{index:03d}": float(value) for index, value in enumerate(values)}


def two_methods(n: int = 25, seed: int = 0) -> tuple[dict[str, float], dict[str, float]]:
    rng = np.random.default_rng(seed)
    unified = rng.uniform(0.6, 0.9, size=n)
    return personas(unified + rng.normal(0.01, 0.03, size=n)), personas(unified)


def test_summary_gives_mean_interval_and_worst_persona() -> None:
    summary = summarise({"ann": 0.9, "bob": 0.5, "cem": 0.7})
    assert summary.n == 3
    assert summary.mean == pytest.approx(0.7)
    assert summary.worst == PersonaValue("bob", 0.5)
    assert summary.interval is not None
    assert summary.interval.low < 0.7 < summary.interval.high


def test_the_worst_persona_of_a_metric_that_should_be_low_is_the_highest() -> None:
    assert summarise({"ann": 1.9, "bob": 2.5}, higher_is_better=False).worst == PersonaValue("bob", 2.5)


def test_comparison_agrees_with_scipy() -> None:
    method, unified = two_methods()
    treated, reference = list(method.values()), list(unified.values())
    differences = np.subtract(treated, reference)
    comparison = compare(method, unified)
    t_test = stats.ttest_rel(treated, reference)
    improved = int((differences > 0).sum())
    assert comparison.difference == pytest.approx(differences.mean())
    assert comparison.t == pytest.approx(t_test.statistic)
    assert comparison.t_p == pytest.approx(t_test.pvalue)
    assert comparison.wilcoxon_p == pytest.approx(stats.wilcoxon(treated, reference).pvalue)
    assert comparison.effect_size == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert comparison.improved == improved / 25
    assert comparison.improved_interval == wilson_interval(improved, 25)
    assert comparison.worst == PersonaValue(f"persona_{differences.argmin():03d}", pytest.approx(differences.min()))
    assert comparison.detectable == pytest.approx(smallest_detectable_effect(25) * differences.std(ddof=1))


@pytest.mark.parametrize("n", [2, 3, 14, 60, 200])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_the_t_test_is_scipys_to_the_last_digit(n: int, scale: float) -> None:
    for seed in range(20):
        differences = np.random.default_rng(seed).normal(0.2, 1.0, size=n) * scale
        theirs = stats.ttest_1samp(differences, 0.0)
        assert paired_t_test(differences) == (theirs.statistic, theirs.pvalue)


def test_without_ranks_all_else_is_the_same() -> None:
    pair = two_methods()
    (full,), (short,) = compare_many([pair]), compare_many([pair], ranks=False)
    assert short == dataclasses.replace(full, wilcoxon_p=None, detectable=None)


def test_for_a_metric_that_should_be_low_a_lower_score_is_the_improvement() -> None:
    comparison = compare({"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 2.5}, higher_is_better=False)
    assert comparison.difference == -0.25
    assert comparison.improved == 0.5
    assert comparison.worst == PersonaValue("b", 0.5)


def test_a_tie_is_no_improvement() -> None:
    assert compare({"a": 0.5, "b": 0.6}, {"a": 0.5, "b": 0.5}).improved == 0.5


@pytest.mark.parametrize("n", [2, 3, 7, 12, 13, 14])
def test_tied_ranks_have_scipys_exact_p(n: int) -> None:
    """Scores of few turns are often equal: shares of two or three, and no difference at all."""
    rng = np.random.default_rng(n)
    for spread in (1, 2, 3) if n > 3 else (1, 2, 3, 4, 5, 6):
        differences = rng.integers(-spread, spread + 1, n) / 4
        own = {f"p{i:02d}": 0.5 for i in range(n)}
        other = {f"p{i:02d}": 0.5 + float(one) for i, one in enumerate(differences)}
        expected = stats.wilcoxon(differences).pvalue if differences.any() else 1.0
        assert compare(other, own).wilcoxon_p == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6, 1.7e15])
def test_rounding_is_no_difference_and_a_small_one_is_whatever_the_unit(unit: float) -> None:
    own = {f"p{n}": unit * (1 + n / 10) for n in range(5)}
    nearly = {persona: score * (1 + 2.3e-16) for persona, score in own.items()}
    assert compare(nearly, own).improved == 0 or unit == 1.7e15, "of such numbers every whole one is known"
    better = {persona: score * (1 + 3e-13) for persona, score in own.items()}
    assert compare(better, own).improved == 1
    assert compare(better, own).difference == pytest.approx(3e-13 * unit * 1.2, rel=0.05)


def test_identical_scores_give_no_difference_and_no_evidence() -> None:
    scores = personas([0.1, 0.5, 0.5, 0.9])
    comparison = compare(scores, scores)
    assert (comparison.difference, comparison.t, comparison.t_p, comparison.wilcoxon_p) == (0, 0, 1, 1)
    assert (comparison.effect_size, comparison.improved, comparison.detectable) == (0, 0, 0)
    assert comparison.interval is not None
    assert (comparison.interval.low, comparison.interval.high) == (0, 0)


def test_one_persona_is_no_evidence() -> None:
    comparison = compare({"a": 0.9}, {"a": 0.1})
    assert comparison.difference == pytest.approx(0.8)
    assert (comparison.t_p, comparison.wilcoxon_p) == (1, 1)
    assert (comparison.interval, comparison.t, comparison.effect_size, comparison.detectable) == (None,) * 4


def test_equal_gains_everywhere_fall_back_on_the_signed_ranks() -> None:
    """The t statistic would be infinite and p = 0 even for two personas."""
    comparison = compare(personas([0.3, 0.4, 0.5]), personas([0.2, 0.3, 0.4]))
    assert (comparison.t, comparison.effect_size) == (None, None)
    assert comparison.t_p == comparison.wilcoxon_p == pytest.approx(0.25)


def test_personas_with_a_score_on_one_side_only_are_left_out_and_counted() -> None:
    comparison = compare({"a": 1.0, "b": 2.0, "c": 3.0}, {"b": 1.0, "c": 1.0, "d": 9.0})
    assert (comparison.n, comparison.left_out, comparison.difference) == (2, 2, 1.5)


@pytest.mark.parametrize(
    ("method", "unified", "message"),
    [
        ({"a": 1.0}, {"b": 1.0}, "no persona has a score under both"),
        ({"a": math.nan}, {"a": 1.0}, "persona 'a' is not a finite number"),
    ],
)
def test_what_cannot_be_compared_is_said(method: dict[str, float], unified: dict[str, float], message: str) -> None:
    with pytest.raises(LabError, match=message):
        compare(method, unified)


def test_a_summary_of_nothing_is_refused() -> None:
    with pytest.raises(LabError, match="no persona has a score"):
        summarise({})


@settings(deadline=None)  # a resampling of another size is drawn anew
@given(SCORES, st.data())
def test_no_number_is_ever_nan_or_infinite(scores: dict[str, float], data: st.DataObject) -> None:
    unified = {persona: data.draw(st.floats(-10, 10)) for persona in scores}
    comparison = compare(scores, unified)
    numbers = [value for value in dataclasses.astuple(comparison) if isinstance(value, float)]
    assert all(math.isfinite(value) for value in numbers)
    assert 0 <= comparison.t_p <= 1
    assert comparison.wilcoxon_p is not None
    assert 0 <= comparison.wilcoxon_p <= 1


@given(st.randoms(use_true_random=False))
def test_the_order_of_personas_never_matters(shuffler: random.Random) -> None:
    method, unified = two_methods(n=9)

    def shuffled(scores: dict[str, float]) -> dict[str, float]:
        return dict(shuffler.sample(sorted(scores.items()), len(scores)))

    expected: Comparison = compare(method, unified)
    assert compare(shuffled(method), shuffled(unified)) == expected
    assert summarise(shuffled(method)) == summarise(method)


def test_swapping_the_two_sides_turns_the_sign_and_keeps_the_evidence() -> None:
    method, unified = two_methods()
    there, back = compare(method, unified), compare(unified, method)
    assert back.difference == pytest.approx(-there.difference)
    assert (back.t_p, back.wilcoxon_p) == pytest.approx((there.t_p, there.wilcoxon_p))


def test_holm_multiplies_the_smallest_p_by_the_number_of_methods_and_so_on() -> None:
    adjusted = holm({"retrieval": 0.04, "hybrid": 0.01, "persona": 0.03})
    assert adjusted == pytest.approx({"retrieval": 0.06, "hybrid": 0.03, "persona": 0.06})
    assert list(adjusted) == ["retrieval", "hybrid", "persona"]
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=12))
def test_holm_never_lowers_p_keeps_its_order_and_rejects_what_stepping_down_rejects(raw: dict[str, float]) -> None:
    adjusted = holm(raw)
    names = sorted(raw, key=raw.__getitem__)
    assert adjusted.keys() == raw.keys()
    assert all(raw[name] <= adjusted[name] <= min(1.0, len(raw) * raw[name]) for name in names)
    assert [adjusted[name] for name in names] == sorted(adjusted.values())
    rejected = []
    for rank, name in enumerate(names):  # Holm's procedure as he wrote it
        if raw[name] * (len(names) - rank) > 0.05:
            break
        rejected.append(name)
    assert {name for name in names if adjusted[name] <= 0.05} == set(rejected)


@pytest.mark.parametrize(("n", "effect"), [(34, 0.50), (15, 0.78), (199, 0.20)])
def test_smallest_detectable_effect_agrees_with_published_tables(n: int, effect: float) -> None:
    """G*Power, paired t, two-sided 5%, power 0.8: d_z 0.5 needs 34 pairs, 0.2 needs 199, 0.78 needs 15."""
    assert smallest_detectable_effect(n) == pytest.approx(effect, abs=0.006)


@pytest.mark.parametrize("n", [2, 5, 40])
def test_smallest_detectable_effect_is_found_four_times_in_five(n: int) -> None:
    rng = np.random.default_rng(n)
    samples = rng.normal(smallest_detectable_effect(n), 1.0, size=(10_000, n))
    found = (stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(0.8, abs=0.015)


def test_smallest_detectable_effect_needs_two_personas() -> None:
    with pytest.raises(LabError, match="needs at least 2"):
        smallest_detectable_effect(1)
