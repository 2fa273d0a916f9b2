"""Small graphs of what went before: a row of blocks, or an area a few rows high."""

from __future__ import annotations

from collections.abc import Sequence

from lab.tui.text import Line

_BLOCKS = " ▁▂▃▄▅▆▇█"
_UNKNOWN = "·"


def spark(values: Sequence[float | None], cells: int) -> str:
    """The last so many values (0…1), one a cell, the newest at the right; `·` for one that is not known."""
    shown = "".join(_UNKNOWN if value is None else _block(value) for value in values[-cells:])
    return shown.rjust(cells)


def _block(value: float) -> str:
    """At least a line, so that no use and no report are told apart."""
    return _BLOCKS[1 + round(min(max(value, 0.0), 1.0) * (len(_BLOCKS) - 2))]


def area(values: Sequence[float | None], cells: int, rows: int, tone: str) -> list[Line]:
    """The same, so many rows high."""
    shown = [None] * max(cells - len(values), 0) + list(values[-cells:])
    lines: list[Line] = []
    steps = len(_BLOCKS) - 1
    for row in range(rows - 1, -1, -1):
        text = ""
        for value in shown:
            filled = 0 if value is None else round(min(max(value, 0.0), 1.0) * rows * steps) - row * steps
            least = 1 if row == 0 and value is not None else 0
            text += _BLOCKS[min(max(filled, least), steps)]
        lines.append(((text, tone),))
    return lines
