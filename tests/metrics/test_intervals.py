"""Intervals agree with SciPy, cover the truth and stay where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.metrics import intervals
from lab.metrics.intervals import Interval, bootstrap_interval, bootstrap_intervals, wilson_interval


@pytest.mark.parametrize("n", [8, 30, 200])
@pytest.mark.parametrize("skewed", [False, True])
def test_bootstrap_interval_agrees_with_scipys_bca(n: int, skewed: bool) -> None:
    rng = np.random.default_rng(n)
    values = rng.exponential(size=n) if skewed else rng.normal(size=n)
    ours = bootstrap_interval(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", rng=np.random.default_rng(1))
    assert ours is not None
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    tolerance = 0.05 * width  # two independent draws of 10,000 resamples
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=tolerance)


def test_bootstrap_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(7)
    samples = rng.beta(8, 2, size=(400, 40))  # 40 personas, skewed as scores near 1 are
    intervals = [bootstrap_interval(sample, resamples=2_000) for sample in samples]
    covered = np.mean([interval is not None and interval.low <= 0.8 <= interval.high for interval in intervals])
    assert 0.91 <= covered <= 0.98  # ±3 standard errors of 400 trials around 0.945


def test_bootstrap_interval_is_the_same_for_the_same_seed_and_differs_for_another() -> None:
    values = np.random.default_rng(3).normal(size=20)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_bootstrap_interval_of_one_value_is_unknown_and_of_equal_values_is_a_point() -> None:
    assert bootstrap_interval([0.7]) is None
    assert bootstrap_interval([0.1] * 7) == Interval(pytest.approx(0.1), pytest.approx(0.1))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_bootstrap_interval_lies_within_the_data(values: list[float]) -> None:
    interval = bootstrap_interval(values, resamples=200)
    assert interval is not None
    slack = 1e-9 * max(1.0, *map(abs, values))
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack


def test_intervals_of_many_columns_are_those_of_each_alone() -> None:
    columns = np.random.default_rng(4).beta(8, 2, size=(30, 70))
    columns[:, 3] = 0.5
    together = bootstrap_intervals(columns)
    for column, found in zip(columns.T, together, strict=True):
        alone = bootstrap_interval(column)
        assert alone is not None
        assert found == Interval(pytest.approx(alone.low), pytest.approx(alone.high))


def test_a_mean_that_resamples_often_give_again_is_no_matter_of_rounding() -> None:
    """Three units: whether a resample of each once lies below the mean would otherwise be chance."""
    values = np.array([0.1, 0.2, 0.7])
    column = np.repeat(values[:, None], 65, axis=1)
    assert set(bootstrap_intervals(column)) == {bootstrap_interval(values)}


@pytest.mark.parametrize("skewed", [False, True])
def test_for_a_thousand_units_the_formula_gives_what_the_resamples_give(
    skewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    values = rng.exponential(size=1000) if skewed else rng.normal(size=1000)
    drawn = bootstrap_interval(values)
    monkeypatch.setattr(intervals, "_RESAMPLED", 999)
    formula = bootstrap_interval(values)
    assert drawn is not None
    assert formula is not None
    tolerance = 0.03 * (drawn.high - drawn.low)
    assert (formula.low, formula.high) == pytest.approx((drawn.low, drawn.high), abs=tolerance)


@given(st.integers(1, 300), st.data())
def test_wilson_interval_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    ours = wilson_interval(successes, n)
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_interval_of_nothing_is_unknown() -> None:
    assert wilson_interval(0, 0) is None
