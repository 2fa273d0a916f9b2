"""The published conditions of success, each told as met or by how much it is missed."""

from __future__ import annotations

from lab.metrics.paired import Against
from lab.metrics.statistics import Summary
from lab.report.evidence import Criterion

IMPROVED = 0.60
MEAN = 0.85
WORST = 0.70
P = 0.05


def criteria(summary: Summary, versus: Against) -> tuple[Criterion, ...]:
    """How a method stands in embedding similarity: the summary of its scores, and it against unified.

    p is that of the paired t-test after Holm. Where the method is worse than unified no p is small enough: 1 is given.
    """
    comparison = versus.comparison
    p = versus.p_holm if comparison.difference > 0 else 1.0
    return (
        _above("improved", "over 60% of personas better than unified", IMPROVED, comparison.improved),
        _above("mean", "mean similarity over 0.85", MEAN, summary.mean),
        _above("worst", "no persona under 0.70", WORST, summary.worst.value, or_equal=True),
        Criterion("p", "p < 0.05 after Holm, on the side of a gain", P, p, p < P, max(0.0, p - P)),
    )


def _above(name: str, says: str, threshold: float, value: float, *, or_equal: bool = False) -> Criterion:
    met = value >= threshold if or_equal else value > threshold
    return Criterion(name, says, threshold, value, met, max(0.0, threshold - value))
