"""Learning curves: how scores, and what a method adds to unified, grow with the amount of something."""

from __future__ import annotations

from dataclasses import dataclass

from lab.metrics.intervals import Interval


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
