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
    one draw and cost one matrix product each.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=resamples) / n


def bootstrap_interval(
    values: Sequence[float] | Floats, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Give the bias-corrected and accelerated (BCa) bootstrap interval of the mean of `values`, [n].

    BCa is second-order accurate and follows the skew that bounded scores have, where the percentile interval
    is only first-order accurate (Efron 1987, "Better bootstrap confidence intervals", JASA 82; DiCiccio and
    Efron 1996, "Bootstrap confidence intervals", Statistical Science 11). Like every bootstrap it is
    somewhat too narrow for fewer than about 20 units. None for fewer than two values.
    """
    data = np.asarray(values, dtype=np.float64)
    n = len(data)
    if n < 2:
        return None
    mean = float(data.mean())
    deviations = data - mean  # [n], the jackknife's deviations of a mean, times n − 1
    largest = float(np.abs(deviations).max())
    if largest <= 1e-12 * abs(mean):  # all equal up to rounding
        return Interval(mean, mean)
    means = np.sort(_resampling_weights(n, resamples, seed) @ data)  # [resamples]
    below = (np.searchsorted(means, mean, "left") + np.searchsorted(means, mean, "right")) / 2
    bias = _NORMAL.inv_cdf(min(max(below, 0.5), resamples - 0.5) / resamples)
    skew = deviations / largest  # scaled, lest the powers underflow
    acceleration = float((skew**3).sum()) / (6 * float((skew**2).sum()) ** 1.5)
    ends = (_adjusted(p, bias, acceleration) for p in ((1 - level) / 2, (1 + level) / 2))
    low, high = np.quantile(means, list(ends))
    return Interval(float(low), float(high))


def _adjusted(p: float, bias: float, acceleration: float) -> float:
    """Move the quantile p of the resampled means as BCa does."""
    z = bias + _NORMAL.inv_cdf(p)
    return _NORMAL.cdf(bias + z / (1 - acceleration * z))


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
