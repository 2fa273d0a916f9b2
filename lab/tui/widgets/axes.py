"""The axes of a chart: which part of the curves is in sight, and where round values stand on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
Range = tuple[float, float]

_NARROWEST = 1e-9
_TINIEST, _LARGEST = 1e-90, 1e90  # as many digits as there is room for in a label
_ROWS_PER_LABEL = 2  # at the least
_FEW_ROWS = 8
_FEWEST_LABELS = 3
_CLOSEST = 4.0  # steps that are still worth a whole chart


@dataclass(frozen=True, slots=True)
class Frame:
    """What of the curves is in sight: all steps or some, values as they are or their logarithms."""

    log: bool = False
    x: Range | None = None
    cursor: float | None = None


# ---------------------------------------------------------------- values


def drawable(points: Sequence[Point], frame: Frame) -> list[Point]:
    """The points that can be drawn, as they stand on the axes.

    Numbers that no label could hold are none of a curve's; of what is not above zero there is no logarithm.
    """
    kept = [(x, y if abs(y) > _TINIEST else 0.0) for x, y in points if abs(y) < _LARGEST]
    if frame.log:
        kept = [(x, math.log10(y)) for x, y in kept if y > 0]
    return kept if frame.x is None else clipped(kept, frame.x)


def clipped(points: Sequence[Point], between: Range) -> list[Point]:
    """The points within, and those where a line from point to point crosses an edge."""
    low, high = between
    found = [point for point in points if low <= point[0] <= high]
    crossing = (
        (edge, y0 + (y1 - y0) * (edge - x0) / (x1 - x0))
        for (x0, y0), (x1, y1) in pairwise(points)
        for edge in between
        if x0 < edge < x1
    )
    return sorted([*found, *crossing])


def value_at(points: Sequence[Point], x: float) -> Point | None:
    """The last point that is not beyond `x`: what the curve had come to."""
    return next((point for point in reversed(points) if point[0] <= x), None)


# ---------------------------------------------------------------- what is in sight


def window(every: Range, zoom: int, cursor: float | None) -> Range:
    """The steps in sight after so many halvings: around the cursor, or the last ones, which go on as steps come."""
    low, high = every
    wide = max((high - low) / 2**zoom, min(_CLOSEST, high - low))
    middle = high if cursor is None else cursor
    start = min(max(middle - wide / 2, low), high - wide)
    return (start, start + wide)


def closest(every: Range) -> int:
    """How often it makes sense to halve."""
    return max(0, math.ceil(math.log2(max((every[1] - every[0]) / _CLOSEST, 1))))


def padded(low: float, high: float) -> Range:
    """The range, opened where it is too narrow for labels to differ."""
    size = max(abs(low), abs(high))
    if high - low > size * _NARROWEST and high - low > 0:
        return low, high
    margin = size * 0.1 or 1.0
    return low - margin, high + margin


def scaled(value: float, between: Range, dots: int) -> int:
    """Where a value stands on so many dots."""
    low, high = between
    return round((value - low) / (high - low) * dots) if high > low else dots // 2


# ---------------------------------------------------------------- labels


def y_labels(between: Range, rows: int, cells: int, *, log: bool) -> dict[int, str]:
    """Row → label in at most so many cells, at round values; `between` are logarithms where `log` says so."""
    if log:
        found = _placed(list(_decades(between)), between, rows, cells)
        if len(found) >= _FEWEST_LABELS:
            return found
        between_values = (10.0 ** between[0], 10.0 ** between[1])
        linear = [(math.log10(value), text) for value, text in _even(between_values, rows) if value > 0]
        return _placed(linear, between, rows, cells)
    return _placed(list(_even(between, rows)), between, rows, cells)


def _placed(labels: Sequence[tuple[float, str]], between: Range, rows: int, cells: int) -> dict[int, str]:
    """Each label at its row, if it fits and its row and the next ones are free."""
    found: dict[int, str] = {}
    for value, plain in labels:
        row = rows - 1 - scaled(value, between, rows - 1)
        text = plain if len(plain) <= cells else f"{float(plain):.0e}"
        apart = 0 if rows <= _FEW_ROWS else 1
        if (
            len(text) <= cells
            and 0 <= row < rows
            and not any(near in found for near in range(row - apart, row + apart + 1))
        ):
            found[row] = text
    return found


def _even(between: Range, rows: int) -> Iterator[tuple[float, str]]:
    low, high = between
    step = round_step((high - low) * (_ROWS_PER_LABEL if rows > _FEW_ROWS else 1) / rows)
    digits = max(0, -math.floor(math.log10(step)))
    value = math.ceil(low / step) * step
    while value <= high + step * 1e-9:
        yield value, f"{value:.{digits}f}"
        value += step


def _decades(between: Range) -> Iterator[tuple[float, str]]:
    """1, 2 and 5 times the powers of ten: powers first, so that they are labelled where not all can be."""
    low, high = between
    powers = range(math.floor(low), math.ceil(high) + 1)
    for factor in (1, 2, 5):
        for power in powers:
            value = power + math.log10(factor)
            if low <= value <= high:
                yield value, _plain(factor, power)


def _plain(factor: int, power: int) -> str:
    if -4 <= power <= 5:
        return f"{factor * 10.0**power:.{max(0, -power)}f}"
    return f"{factor}e{power:+d}"


def round_step(rough: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
