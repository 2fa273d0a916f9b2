"""Confidence intervals: bootstrap (BCa) for a mean, Wilson for a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
_RESAMPLED = 1_000  # units, at most
_AT_ONCE = 64  # columns: their resampled means stay within a few MB
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@lru_cache(maxsize=4)
def _resampling_weights(n: int, resamples: int, seed: int) -> Floats:
    """How much of each of n units every resample holds: [resamples, n], rows sum to 1.

    A resampled mean is then one row times the data, so all methods and metrics over the same personas share
    one draw, and cost one matrix product together.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=resamples) / n


def bootstrap_interval(
    values: Sequence[float] | Floats, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Give the interval of the mean of `values`, [n], as `bootstrap_intervals` does of many."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    return bootstrap_intervals(column, level=level, resamples=resamples, seed=seed)[0]


def bootstrap_intervals(
    columns: Floats, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> list[Interval | None]:
    """Give the bias-corrected and accelerated (BCa) bootstrap interval of the mean of each column of [n, c].

    BCa is second-order accurate and follows the skew that bounded scores have, where the percentile interval
    is only first-order accurate (Efron 1987, "Better bootstrap confidence intervals", JASA 82; DiCiccio and
    Efron 1996, "Bootstrap confidence intervals", Statistical Science 11). Like every bootstrap it is
    somewhat too narrow for fewer than about 20 units. None for fewer than two values.

    The rows are resampled together, which is cheap and lets intervals of several columns be compared. Beyond
    1,000 units the formula that BCa has for a mean is used, which needs no resamples (see `_by_formula`).
    """
    n, c = columns.shape
    if n < 2:
        return [None] * c
    means = columns.mean(axis=0)  # [c]
    deviations = columns - means  # [n, c], the jackknife's deviations of a mean, times n − 1
    largest = np.abs(deviations).max(axis=0)  # [c]
    found: list[Interval | None] = [Interval(float(mean), float(mean)) for mean in means]
    differ = np.flatnonzero(largest > 1e-12 * np.abs(means))  # the others are all equal up to rounding
    skew = deviations[:, differ] / largest[differ]  # scaled, lest the powers underflow
    squares = skew * skew
    acceleration = (squares * skew).sum(axis=0) / (6 * squares.sum(axis=0) ** 1.5)
    errors = largest[differ] * np.sqrt(squares.sum(axis=0)) / n  # of the means, [c]
    ends = [_NORMAL.inv_cdf((1 - level) / 2), _NORMAL.inv_cdf((1 + level) / 2)]
    for first in range(0, len(differ), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        drawn = None if n > _RESAMPLED else columns[:, differ[some]].T @ _resampling_weights(n, resamples, seed).T
        for place, column in enumerate(differ[some]):
            at, a = float(means[column]), float(acceleration[first + place])
            if drawn is None:
                low, high = _by_formula(at, float(errors[first + place]), a, ends)
            else:
                low, high = _by_resamples(at, drawn[place], a, ends)
            found[column] = Interval(low, high)
    return found


def _by_resamples(mean: float, drawn: Floats, acceleration: float, ends: list[float]) -> list[float]:
    """The quantiles of the resampled means `drawn`, [resamples], where BCa moves the normal quantiles `ends` to."""
    resamples = len(drawn)
    tie = 1e-12 * max(abs(mean), float(np.abs(drawn).max()))  # few units often give the mean again, but for rounding
    below = (np.count_nonzero(drawn < mean - tie) + np.count_nonzero(drawn <= mean + tie)) / 2
    bias = _NORMAL.inv_cdf(min(max(below, 0.5), resamples - 0.5) / resamples)
    moved = [bias + (bias + z) / (1 - acceleration * (bias + z)) for z in ends]
    return [float(end) for end in np.quantile(drawn, [_NORMAL.cdf(z) for z in moved])]


def _by_formula(mean: float, error: float, acceleration: float, ends: list[float]) -> list[float]:
    """mean + error · (z + a·(2z² + 1)), to which BCa of a mean comes up to terms of 1/n (Efron 1987, section 4).

    Ten thousand resamples of ten thousand personas would take a minute, and say the same.
    """
    return [mean + error * (z + acceleration * (2 * z * z + 1)) for z in ends]


def wilson_interval(successes: int, n: int, *, level: float = 0.95) -> Interval | None:
    """Give Wilson's score interval for the share successes / n; None when n is 0.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22. Unlike the
    textbook p ± z·sqrt(p(1−p)/n) it stays inside [0, 1] and does not collapse when the share is 0 or 1.
    """
    if n == 0:
        return None
    z = _NORMAL.inv_cdf((1 + level) / 2)
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
