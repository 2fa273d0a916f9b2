"""How the personas' scores are spread, in blocks: one line for a table, several for a pane."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from lab.tui.format import fraction
from lab.tui.text import Line, fit

Scale = tuple[float, float]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = len(_BLOCKS) - 1
_LABEL_GAP = 12  # cells from one label of the axis to the next, at least


def scale_of(values: Iterable[float]) -> Scale:
    """From the least to the greatest of the numbers that can be drawn."""
    known = [value for value in values if math.isfinite(value)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def place(value: float, scale: Scale, cells: int) -> int:
    """The cell of a value; the middle where all values are one."""
    low, high = scale
    if not (math.isfinite(value) and math.isfinite(high - low)) or cells < 1:
        return 0
    share = (value - low) / (high - low) if high > low else 0.5
    return min(max(int(share * cells), 0), cells - 1)


def counted(values: Iterable[float], scale: Scale, cells: int) -> list[int]:
    """How many of the values fall in each of so many cells."""
    found = [0] * max(cells, 0)
    for value in values:
        if cells > 0 and math.isfinite(value):
            found[place(value, scale, cells)] += 1
    return found


def strip(values: Iterable[float], scale: Scale, cells: int) -> str:
    """`  ▁▃█▅▂▁ `: the highest cell is full, and one that holds anybody is never empty."""
    found = counted(values, scale, cells)
    return "".join(_BLOCKS[_eighths(one, max(found), _EIGHTHS)] for one in found)


def histogram(values: Sequence[float], scale: Scale, cells: int, rows: int, tone: str) -> list[Line]:
    """The same in so many rows, then an axis with labels."""
    found = counted(values, scale, cells)
    heights = [_eighths(one, max(found, default=0), _EIGHTHS * rows) for one in found]
    lines: list[Line] = []
    for row in reversed(range(rows)):
        left = [min(max(height - row * _EIGHTHS, 0), _EIGHTHS) for height in heights]
        lines.append((("".join(_BLOCKS[one] for one in left), tone),))
    return [*lines, axis(scale, cells)]


def axis(scale: Scale, cells: int) -> Line:
    """`.60        .75        .90`: labels at even steps, under the cells they are of."""
    low, high = scale
    marks = max(cells // _LABEL_GAP, 1) if high > low else 1
    line = ""
    for number in range(marks + 1 if high > low else 1):
        label = fraction(low + (high - low) * number / marks, 2)
        at = number * (cells - 1) // marks if high > low else cells // 2
        start = min(max(at - len(label) // 2, 0), cells - len(label))
        line = line.ljust(max(start, 0)) + label
    return ((fit(line, cells), "dim"),)


def _eighths(one: int, most: int, full: int) -> int:
    return max(round(one / most * full), 1) if one and most else 0
