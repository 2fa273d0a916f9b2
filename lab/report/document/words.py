"""How numbers are written in a report."""

from __future__ import annotations

from lab.metrics.aggregate import METRICS
from lab.metrics.intervals import Interval
from lab.metrics.statistics import Comparison, Summary

NOTHING = "–"
_DIGITS = 3


def label(metric: str) -> str:
    """A metric as people call it."""
    return METRICS[metric].label if metric in METRICS else metric.replace("_", " ")


def number(value: float | None, digits: int = _DIGITS) -> str:
    """`0.812`; a dash for what is not known, a true minus."""
    return NOTHING if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = _DIGITS) -> str:
    """`+0.012`, `−0.012`: with a true minus."""
    return NOTHING if value is None else f"{value:+.{digits}f}".replace("-", "−")


def share(value: float | None) -> str:
    """`63%`."""
    return NOTHING if value is None else f"{value:.0%}"


def interval(found: Interval | None, digits: int = _DIGITS) -> str:
    """`[−0.004, +0.012]`; nothing where there is none."""
    return "" if found is None else f"[{signed(found.low, digits)}, {signed(found.high, digits)}]"


def summary(found: Summary) -> str:
    """`0.812 [0.790, 0.834]`."""
    bounds = "" if found.interval is None else f" [{number(found.interval.low)}, {number(found.interval.high)}]"
    return number(found.mean) + bounds


def difference(found: Comparison) -> str:
    """`+0.012 [+0.004, +0.020]`."""
    return f"{signed(found.difference)} {interval(found.interval)}".rstrip()


def p_value(p: float | None, *, tested: bool = True) -> str:
    """`<.001`, `.034`; a dash where nothing could be tested."""
    if not tested or p is None:
        return NOTHING
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def count(n: int, one: str, several: str = "") -> str:
    """`1 persona`, `8 personas`."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def listed(names: list[str] | tuple[str, ...], most: int = 6) -> str:
    """`a, b and c`; of very many the first, and how many more."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def duration(seconds: float | None) -> str:
    """`41 s`, `12 min`, `3.4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def large(n: float | None) -> str:
    """`460,800`, `2.30M`."""
    if n is None:
        return NOTHING
    return f"{n / 1e6:,.2f}M" if n >= 1e6 else f"{n:,.0f}"
