"""Numbers, times and bars as short, aligned text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lab.safe import one_line
from lab.tui.text import Line

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LARGE = 1e6  # from here on powers of ten: no loss or score is as large


def duration(seconds: float | None) -> str:
    """`8s`, `3m12s`, `2h05m`, `4d07h`; nothing for None."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    total = max(int(seconds + 0.5), 0)
    if total < _MINUTE:
        return f"{total}s"
    if total < _HOUR:
        return f"{total // _MINUTE}m{total % _MINUTE:02}s"
    if total < _DAY:
        return f"{total // _HOUR}h{total % _HOUR // _MINUTE:02}m"
    return f"{total // _DAY}d{total % _DAY // _HOUR:02}h"


def age(since: datetime, now: datetime) -> str:
    """How long ago, in one unit: `42s`, `5m`, `3h`, `12d`."""
    seconds = max((now - aware(since)).total_seconds(), 0)
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def aware(moment: datetime) -> datetime:
    """The moment with its zone; SQLite forgets that it is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def clock(moment: datetime) -> str:
    """The local time of day; nothing at the edges of the calendar, where zones have no room."""
    try:
        return aware(moment).astimezone().strftime("%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "--:--:--"


def fraction(value: float | None, digits: int = 3) -> str:
    """`.861`, `−.025`, `1.000`: no leading zero, a true minus sign."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):.{digits}f}" if abs(value) < _LARGE else f"{abs(value):.0e}"
    text = text[1:] if text.startswith("0.") else text
    return f"−{text}" if value < 0 and float(f"{value:.{digits}f}") else text


def signed(value: float | None, digits: int = 3) -> str:
    """`+.034`, `−.086`, `.000`."""
    text = fraction(value, digits)
    return f"+{text}" if value is not None and math.isfinite(value) and round(value, digits) > 0 else text


def percent(value: float | None) -> str:
    """`78%`."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.0%}"


def p_value(value: float | None) -> str:
    """`<.001`, `.042`."""
    if value is None or not math.isfinite(value):
        return "–"
    return "<.001" if value < 0.001 else fraction(value)


def loss(value: float | None) -> str:
    """Three digits behind the point."""
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) < _LARGE else f"{value:.0e}"


def count(value: float | None) -> str:
    """`0`, `512`, `61k`, `0.54M`, `1.2G`."""
    if value is None or not math.isfinite(value):
        return "–"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size / 2 and value >= 1000:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 or unit == "k" else f"{scaled:.2f}{unit}"
    return f"{value:.0f}"


def counted(number: int, one: str) -> str:
    """`1 job`, `1,200 jobs`."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def digest(value: str, length: int = 6) -> str:
    """The first digits of a hex digest."""
    return one_line(value)[:length]


def progress_bar(done: float, cells: int) -> Line:
    """A bar of so many cells, drawn in halves of a cell."""
    halves = round(min(max(done, 0.0), 1.0) * cells * 2) if math.isfinite(done) else 0
    bar = "━" * (halves // 2) + "╸" * (halves % 2)
    return ((bar, "good" if done >= 1 else "accent"), ("─" * (cells - len(bar)), "faint"))


def interval_bar(mean: float, low: float, high: float, scale: tuple[float, float], cells: int) -> str:
    """`  ├──●──┤ ` on a common scale of so many cells."""
    if cells < 1:
        return ""
    ends = [_column(value, scale, cells) for value in (low, mean, high)]
    bar = [" "] * cells
    bar[ends[0] : ends[2] + 1] = ["─"] * (ends[2] - ends[0] + 1)
    if ends[2] > ends[0]:
        bar[ends[0]], bar[ends[2]] = "├", "┤"
    bar[ends[1]] = "●"
    return "".join(bar)


def difference_bar(value: float, reach: float, cells: int) -> Line:
    """A bar that grows from the middle: to the right in `good` when above zero, to the left in `bad`."""
    half = cells // 2
    length = min(round(abs(value) / reach * half), half) if reach > 0 and math.isfinite(value / reach) else 0
    bar = "━" * length
    if value < 0:
        return ((bar.rjust(half), "bad"), ("│", "faint"), (" " * half, ""))
    return ((" " * half, ""), ("│", "faint"), (bar.ljust(half), "good"))


def _column(value: float, scale: tuple[float, float], cells: int) -> int:
    low, high = scale
    if not (math.isfinite(value) and math.isfinite(high - low)):
        return 0
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(round(share * (cells - 1)), 0), cells - 1)


def tables(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The JSON objects of a list in a row; what is no list, and no object in it, is left out."""
    value = found.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def context_words(context: Mapping[str, Any]) -> str:
    """`evening · rainy · cold`: the values, in the order they are given."""
    return " · ".join(one_line(str(value)).replace("_", " ") for value in context.values())
