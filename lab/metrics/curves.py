"""Learning curves: how scores, and what a method adds to unified, grow with the amount of something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.metrics.intervals import Interval, bootstrap_interval
from lab.metrics.statistics import compare, paired_tests, summarise

Series = Mapping[float, Mapping[str, Mapping[str, float]]]
"""x → method → persona → score."""

_SURE = 0.05  # p of a trend that is followed beyond what was measured


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One study of the series: x (dialogues per persona, or parameters of the base), and means over personas."""

    x: float
    n: int
    mean: float
    interval: Interval | None
    difference: float | None  # method − unified, paired; None for unified itself
    difference_interval: Interval | None


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through each persona's values over log2(x): what a doubling of x adds.

    `slope` is the mean of the personas' slopes, `interval` its 95% bootstrap interval over personas, `p` that of a
    t-test of these slopes against 0.
    """

    n: int  # personas
    slope: float  # per doubling
    interval: Interval | None
    p: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One method over the series."""

    method: str
    points: tuple[CurvePoint, ...]  # by x
    trend: Trend | None  # of its scores; None for fewer than two points
    difference_trend: Trend | None  # of what it adds to unified
    crosses: float | None = None  # x beyond all points at which that line is 0, where its slope surely leads there


def curves(series: Series, default: str, *, higher_is_better: bool = True) -> tuple[Curve, ...]:
    """One curve for each method that is there at every x, the default among them.

    Raises:
        LabError: an x is not above 0, or no method is there at every x.
    """
    at = sorted(series)
    if not at or at[0] <= 0:
        raise LabError("learning curve: every study needs a size above 0 to stand at; take at least one such study.")
    methods = [name for name in series[at[0]] if all(name in series[x] for x in at)]
    if not methods:
        raise LabError("learning curve: no method has scores in all of the studies; take studies of the same methods.")
    return tuple(_curve(name, default, series, at, higher_is_better) for name in methods)


def _curve(method: str, default: str, series: Series, at: Sequence[float], higher_is_better: bool) -> Curve:
    scores = [series[x][method] for x in at]
    points, gains = [], []
    for x, mine in zip(at, scores, strict=True):
        reference = series[x].get(default, {}) if method != default else {}
        gains.append({persona: mine[persona] - reference[persona] for persona in mine if persona in reference})
        points.append(_point(x, mine, reference, higher_is_better))
    over = trend(at, gains)
    return Curve(method, tuple(points), trend(at, scores), over, _crossing(at, gains, over))


def _point(x: float, mine: Mapping[str, float], reference: Mapping[str, float], higher_is_better: bool) -> CurvePoint:
    own = summarise(mine, higher_is_better=higher_is_better)
    if not mine.keys() & reference.keys():
        return CurvePoint(x, own.n, own.mean, own.interval, None, None)
    beside = compare(mine, reference, higher_is_better=higher_is_better)
    return CurvePoint(x, own.n, own.mean, own.interval, beside.difference, beside.interval)


def trend(at: Sequence[float], values: Sequence[Mapping[str, float]]) -> Trend | None:
    """The line over log2(x), by least squares within each persona that is there at every x.

    A persona's slope is one number, so slopes are independent where its values at several x are not. None for fewer
    than two x, and where no persona is there at all of them.
    """
    slopes = _lines(at, values)[:, 0]  # [n]
    if not len(slopes):
        return None
    _, p, _ = paired_tests(slopes)
    return Trend(len(slopes), float(slopes.mean()), bootstrap_interval(slopes), p)


def _lines(
    at: Sequence[float], values: Sequence[Mapping[str, float]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Slope and intercept over log2(x) of each persona that is there at every x, [n, 2]."""
    personas = sorted(set.intersection(*(set(one) for one in values)))
    if len(at) < 2 or not personas:
        return np.empty((0, 2))
    table = np.array([[one[persona] for persona in personas] for one in values])  # [x, n]
    lines, *_ = np.linalg.lstsq(np.column_stack([np.log2(at), np.ones(len(at))]), table, rcond=None)
    return np.asarray(lines.T, dtype=np.float64)


def _crossing(at: Sequence[float], gains: Sequence[Mapping[str, float]], over: Trend | None) -> float | None:
    """Where the mean line of the gains is 0, beyond the largest x."""
    if over is None or over.p >= _SURE or over.slope == 0:
        return None
    slope, intercept = _lines(at, gains).mean(axis=0)
    doublings = -intercept / slope
    return float(2**doublings) if np.log2(at[-1]) < doublings < 60 else None
