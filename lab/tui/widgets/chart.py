"""Curves drawn in braille dots, with labels on both axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab.tui.text import Line, fit, merged
from lab.tui.widgets.lines import Lines

Point = tuple[float, float]

# The bit of each dot in a braille cell of 2 × 4 dots, by [row][column] from the top left.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LABEL_CELLS = 7
_ROWS_PER_LABEL = 2  # at the least
_FEW_ROWS = 8
_NARROWEST = 1e-9
_TINIEST, _LARGEST = 1e-290, 1e300


@dataclass(frozen=True)
class Series:
    """One curve: its name, its tone and its points, by x."""

    name: str
    tone: str
    points: Sequence[Point]


class Chart(Lines):
    """Curves over a common pair of axes."""

    DEFAULT_CSS = "Chart { overflow-y: hidden; scrollbar-gutter: auto; }"

    def draw(self, series: Sequence[Series]) -> None:
        """Show these curves; what did not move is not painted."""
        self.show(lambda cells: plot(series, cells, self.size.height))


def plot(series: Sequence[Series], cells: int, rows: int) -> list[Line]:
    """The curves in so many cells and rows: the plot, then one row for the x axis."""
    series = [replace(one, points=_within(one.points)) for one in series]
    points = [point for one in series for point in one.points]
    height, wide = rows - 1, cells - _LABEL_CELLS - 1
    if not points or height < 2 or wide < 8:
        return []
    x_range = (min(x for x, _ in points), max(x for x, _ in points))
    y_range = _padded(min(y for _, y in points), max(y for _, y in points))
    canvas = _Canvas(wide, height)
    for one in series:
        canvas.draw(one, x_range, y_range)
    labels = _y_labels(y_range, height)
    lines = [
        (
            (f"{labels.get(row, ''):>{_LABEL_CELLS - 1}} ", "dim"),
            ("┤" if row in labels else "│", "faint"),
            *canvas.row(row),
        )
        for row in range(height)
    ]
    return [*lines, _x_axis(x_range, wide)]


def _within(points: Sequence[Point]) -> list[Point]:
    """The points that can be drawn: of numbers at the edges of what a float holds no difference can be taken."""
    return [(x, y if abs(y) > _TINIEST else 0.0) for x, y in points if abs(y) < _LARGEST]


class _Canvas:
    """Braille cells, each with the tone that was last drawn in it."""

    def __init__(self, cells: int, rows: int) -> None:
        self.cells, self.rows = cells, rows
        self.bits = [[0] * cells for _ in range(rows)]
        self.tones = [[""] * cells for _ in range(rows)]

    def draw(self, series: Series, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        dots = [
            (_scaled(x, x_range, self.cells * 2 - 1), _scaled(y, y_range, self.rows * 4 - 1)) for x, y in series.points
        ]
        dots = [(x, self.rows * 4 - 1 - y) for x, y in _averaged(dots)]
        for start, end in zip(dots, dots[1:] or dots, strict=False):
            for x, y in _segment(start, end):
                self.bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
                self.tones[y // 4][x // 2] = series.tone

    def row(self, row: int) -> Line:
        return merged(
            (chr(0x2800 + bits) if bits else " ", tone)
            for bits, tone in zip(self.bits[row], self.tones[row], strict=True)
        )


def _averaged(dots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """One dot a column: the mean of those that fall in it."""
    columns: dict[int, list[int]] = {}
    for x, y in dots:
        columns.setdefault(x, []).append(y)
    return [(x, round(sum(ys) / len(ys))) for x, ys in sorted(columns.items())]


def _segment(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """The dots of a straight line."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        yield x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps)


def _scaled(value: float, between: tuple[float, float], dots: int) -> int:
    low, high = between
    return round((value - low) / (high - low) * dots) if high > low else dots // 2


def _padded(low: float, high: float) -> tuple[float, float]:
    """The range, opened where it is too narrow for labels to differ."""
    size = max(abs(low), abs(high))
    if high - low > size * _NARROWEST and high - low > 0:
        return low, high
    margin = size * 0.1 or 1.0
    return low - margin, high + margin


def _y_labels(between: tuple[float, float], rows: int) -> dict[int, str]:
    """Row → label, at round values."""
    low, high = between
    step = _round_step((high - low) * (_ROWS_PER_LABEL if rows > _FEW_ROWS else 1) / rows)
    digits = max(0, -math.floor(math.log10(step)))
    labels: dict[int, str] = {}
    value = math.ceil(low / step) * step
    while value <= high + step * 1e-9:
        plain = f"{value:.{digits}f}"
        short = plain if len(plain) < _LABEL_CELLS else f"{value:.0e}"
        labels[rows - 1 - _scaled(value, between, rows - 1)] = fit(short, _LABEL_CELLS - 1, right=True)
        value += step
    return labels


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5 × 10ⁿ."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _x_axis(between: tuple[float, float], wide: int) -> Line:
    first, last = (f"{value:.0f}" for value in between)
    middle = "─ step ─".center(max(wide - len(first) - len(last) - 4, 0), "─")
    axis = fit(f" {first} {middle} {last} ", wide)
    return ((" " * _LABEL_CELLS + "└", "faint"), (axis, "dim"))
