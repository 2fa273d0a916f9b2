"""Learning curves: what more dialogues, or a larger base, add to a method and to its difference from unified."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lab.errors import LabError
from lab.metrics.curves import Curve, Series, curves, trend
from lab.metrics.statistics import compare

AT = (10.0, 20.0, 40.0)
PERSONAS = [f"p{number:02d}" for number in range(30)]


def series(slope: float = 0.02, start: float = -0.1, noise: float = 0.01) -> dict[float, dict[str, dict[str, float]]]:
    """Unified stays; the other method begins `start` below it and gains `slope` with each doubling."""
    rng = np.random.default_rng(5)
    found: dict[float, dict[str, dict[str, float]]] = {}
    for x in AT:
        unified = {p: float(0.8 + noise * rng.normal()) for p in PERSONAS}
        gain = start + slope * math.log2(x / AT[0])
        mine = {p: unified[p] + gain + float(noise * rng.normal()) for p in PERSONAS}
        found[x] = {"unified": unified, "persona": mine}
    return found


def curve(of: Series, method: str = "persona") -> Curve:
    return next(one for one in curves(of, "unified") if one.method == method)


def test_every_point_is_the_comparison_of_its_study() -> None:
    table = series()
    for point in curve(table).points:
        alone = compare(table[point.x]["persona"], table[point.x]["unified"])
        assert (point.n, point.difference, point.difference_interval) == (30, alone.difference, alone.interval)
        assert point.interval is not None
        assert point.interval.low < point.mean < point.interval.high


def test_the_trend_is_what_a_doubling_adds_with_an_interval_over_personas() -> None:
    found = curve(series()).difference_trend
    assert found is not None
    assert found.slope == pytest.approx(0.02, abs=0.005)
    assert found.interval is not None
    assert found.interval.low < 0.02 < found.interval.high
    assert (found.n, found.p < 0.001) == (30, True)


def test_a_personas_slope_is_scipys() -> None:
    values = [{"a": 0.1, "b": 0.9}, {"a": 0.4, "b": 0.8}, {"a": 0.5, "b": 0.85}]
    slopes = [stats.linregress(np.log2(AT), [one[p] for one in values]).slope for p in "ab"]
    found = trend(AT, values)
    assert found is not None
    assert found.slope == pytest.approx(np.mean(slopes))


def test_where_the_gap_closes_is_told_only_where_the_slope_is_sure() -> None:
    """From −0.1 by 0.02 with each doubling: five doublings of 10."""
    assert curve(series()).crosses == pytest.approx(320, rel=0.5)
    assert curve(series(slope=0.0)).crosses is None
    assert curve(series(slope=-0.02)).crosses is None, "it leads away"
    assert curve(series(start=0.1)).crosses is None, "there is no gap"


def test_unified_has_a_curve_but_no_difference() -> None:
    found = curve(series(), "unified")
    assert found.trend is not None
    assert (found.difference_trend, found.points[0].difference, found.crosses) == (None, None, None)


def test_one_study_is_no_trend_and_personas_must_be_the_same() -> None:
    one = {10.0: series()[10.0]}
    assert (curve(one).trend, curve(one).difference_trend) == (None, None)
    assert trend(AT[:2], [{"a": 1.0}, {"b": 1.0}]) is None


def test_what_cannot_be_a_curve_is_refused() -> None:
    with pytest.raises(LabError, match="above 0"):
        curves({}, "unified")
    with pytest.raises(LabError, match="no method has scores in all"):
        curves({10.0: {"a": {"p": 1.0}}, 20.0: {"b": {"p": 1.0}}}, "unified")
