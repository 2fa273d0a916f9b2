"""Curves drawn in braille dots, with labels on both axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab.tui.text import Line, fit, merged
from lab.tui.widgets.axes import Frame, Point, Range, drawable, padded, scaled, y_labels
from lab.tui.widgets.lines import Lines

__all__ = ["Chart", "Frame", "Point", "Series", "plot"]

# The bit of each dot in a braille cell of 2 × 4 dots, by [row][column] from the top left.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LABEL_CELLS = 7
_BETWEEN_MARKS = 24  # cells
_WHOLE: Frame = Frame()


@dataclass(frozen=True)
class Series:
    """One curve: its name, its tone, its points by x, and the letter that tells it apart without colour."""

    name: str
    tone: str
    points: Sequence[Point]
    mark: str = ""


class Chart(Lines):
    """Curves over a common pair of axes."""

    DEFAULT_CSS = "Chart { overflow-y: hidden; scrollbar-gutter: auto; }"

    def draw(self, series: Sequence[Series], frame: Frame = _WHOLE) -> None:
        """Show these curves; what did not move is not painted."""
        self.show(lambda cells: plot(series, cells, self.size.height, frame))

    @property
    def columns(self) -> int:
        """How many cells the curves have from left to right."""
        return max(self.cells - _LABEL_CELLS - 1, 1)


def plot(series: Sequence[Series], cells: int, rows: int, frame: Frame = _WHOLE) -> list[Line]:
    """The curves in so many cells and rows: the plot, then one row for the x axis."""
    series = [replace(one, points=drawable(one.points, frame)) for one in series]
    points = [point for one in series for point in one.points]
    height, wide = rows - 1, cells - _LABEL_CELLS - 1
    if not points or height < 2 or wide < 8:
        return []
    x_range = frame.x or (min(x for x, _ in points), max(x for x, _ in points))
    y_range = padded(min(y for _, y in points), max(y for _, y in points))
    canvas = _Canvas(wide, height)
    for number, one in enumerate(series):
        canvas.draw(one, x_range, y_range, number, len(series))
    if frame.cursor is not None and x_range[0] <= frame.cursor <= x_range[1]:
        canvas.rule(scaled(frame.cursor, x_range, wide * 2 - 1) // 2)
    labels = y_labels(y_range, height, _LABEL_CELLS - 1, log=frame.log)
    lines = [
        (
            (f"{labels.get(row, ''):>{_LABEL_CELLS - 1}} ", "dim"),
            ("┤" if row in labels else "│", "faint"),
            *canvas.row(row),
        )
        for row in range(height)
    ]
    return [*lines, _x_axis(x_range, wide)]


class _Canvas:
    """Braille cells, each with the tone that was last drawn in it, and letters over them."""

    def __init__(self, cells: int, rows: int) -> None:
        self.cells, self.rows = cells, rows
        self.bits = [[0] * cells for _ in range(rows)]
        self.tones = [[""] * cells for _ in range(rows)]
        self.letters: dict[tuple[int, int], tuple[str, str]] = {}

    def draw(self, series: Series, x_range: Range, y_range: Range, number: int, of: int) -> None:
        """A curve; its letter stands on it again and again, at other places than those of the other curves."""
        dots = [
            (scaled(x, x_range, self.cells * 2 - 1), scaled(y, y_range, self.rows * 4 - 1)) for x, y in series.points
        ]
        dots = [(x, self.rows * 4 - 1 - y) for x, y in _averaged(dots)]
        path = [dot for start, end in zip(dots, dots[1:] or dots, strict=False) for dot in _segment(start, end)]
        for x, y in path:
            self.bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            self.tones[y // 4][x // 2] = series.tone
        if series.mark:
            self._letter(series, path, number, of)

    def _letter(self, series: Series, path: Sequence[tuple[int, int]], number: int, of: int) -> None:
        apart = max(_BETWEEN_MARKS, 2 * of)
        height = {x // 2: y // 4 for x, y in path}
        wanted = [x for x in sorted(height) if x % apart == (apart * (number + 1) // (of + 1))]
        for x in wanted or sorted(height)[-1:]:
            free = next((near for near in (x, x - 1, x + 1) if (near, height.get(near)) not in self.letters), x)
            if free in height:
                self.letters[free, height[free]] = (series.mark, series.tone)

    def rule(self, x: int) -> None:
        """The cursor: a line from top to bottom behind the curves."""
        for y in range(self.rows):
            if not self.bits[y][x] and (x, y) not in self.letters:
                self.letters[x, y] = ("│", "dim")

    def row(self, row: int) -> Line:
        """One row of cells."""
        return merged(
            self.letters.get((x, row)) or (chr(0x2800 + bits) if bits else " ", tone)
            for x, (bits, tone) in enumerate(zip(self.bits[row], self.tones[row], strict=True))
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


def _x_axis(between: Range, wide: int) -> Line:
    first, last = (f"{value:.0f}" for value in between)
    middle = "─ step ─".center(max(wide - len(first) - len(last) - 4, 0), "─")
    axis = fit(f" {first} {middle} {last} ", wide)
    return ((" " * _LABEL_CELLS + "└", "faint"), (axis, "dim"))
