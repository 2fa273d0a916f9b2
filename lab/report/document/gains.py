"""A difference from unified as a gain, and how it is told in a sentence."""

from __future__ import annotations

from lab.metrics.intervals import Interval
from lab.metrics.paired import Against
from lab.report.document.words import number, p_value
from lab.report.evidence import MethodEvidence


def better(versus: Against | None) -> bool:
    """Whether the numbers alone allow to call it better than the other; a control may still take that away."""
    return versus is not None and versus.gains and gain(versus)[1] > 0


def worse(versus: Against | None) -> bool:
    """Whether the numbers allow to call it worse than the other."""
    return versus is not None and versus.loses and gain(versus)[2] < 0


def versus_of(method: MethodEvidence) -> Against:
    """Its comparison with unified, of a method that has one."""
    assert method.versus is not None
    return method.versus


def gain(versus: Against) -> tuple[float, float, float]:
    """Difference, low and high, turned so that above zero is better; without interval these say nothing."""
    found = versus.comparison
    sign = 1 if versus.higher_is_better else -1
    if found.interval is None:
        return sign * found.difference, float("-inf"), float("inf")
    low, high = sorted((sign * found.interval.low, sign * found.interval.high))
    return sign * found.difference, low, high


def size(versus: Against, *, minus: bool = False) -> str:
    """`0.031 [0.012, 0.050]`; with `minus` as an amount that is missing."""
    amount, low, high = gain(versus)
    if minus:
        amount, low, high = -amount, -high, -low
    bounds = "" if versus.comparison.interval is None else f" [{_plain(Interval(low, high))}]"
    return f"{number(amount)}{bounds}"


def corrected_p(versus: Against) -> str:
    """`< .001`, `= .034`: after Holm's correction."""
    text = p_value(versus.p_holm)
    return text.replace("<", "< ") if text.startswith("<") else f"= {text}"


def _plain(found: Interval) -> str:
    return f"{number(found.low)}, {number(found.high)}"
