"""What is written beside a chart: which curve is which, how it ended, and what it is at the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from lab.safe import one_line
from lab.tui.format import loss
from lab.tui.text import Line, fit, fit_line
from lab.tui.widgets.axes import Frame, Range, value_at
from lab.tui.widgets.chart import Series

_VALUE_CELLS, _CURSOR_CELLS = 26, 24  # of the last value, and of that at the cursor
_LEAST = 8  # cells of a name


def legends(series: Sequence[Series], cursor: float | None, cells: int) -> list[Line]:
    """A line for each curve, their values below each other."""
    names = max((len(one_line(one.name)) for one in series), default=0)
    room = cells - _VALUE_CELLS - (_CURSOR_CELLS if cursor is not None else 0)
    return [fit_line(_legend(one, cursor, max(min(names, room), _LEAST)), cells) for one in series]


def _legend(series: Series, cursor: float | None, names: int) -> Line:
    """`a ━ 41 hybrid · train   0.412 at 186   │ 0.533 at 120`."""
    mark = (f"{series.mark} ━ " if series.mark else "━ ", series.tone)
    name = fit(one_line(series.name), names)
    if not series.points:
        return (mark, (name, ""), ("  no point yet", "dim"))
    step, value = series.points[-1]
    line: Line = (mark, (name, ""), (f"  {loss(value):>8}", "strong"), (f" at {step:<7.0f}", "dim"))
    if cursor is None:
        return line
    found = value_at(series.points, cursor)
    said = f"{loss(found[1]):>8}" if found else "       –"
    at = f" at {found[0]:.0f}" if found and found[0] != cursor else ""
    return (*line, ("  │ ", "faint"), (said, "accent"), (at, "dim"))


def title(frame: Frame, zoom: int, every: Range | None) -> Line:
    """Which steps and which values are in sight."""
    axis = "logarithm of the loss" if frame.log else "loss"
    line: Line = ((" curves", "strong"), (f"  {axis}", "dim"))
    if frame.x is not None and every is not None:
        line = (*line, (f"  steps {frame.x[0]:.0f}–{frame.x[1]:.0f} of {every[1]:.0f}, zoom {2**zoom}×", "second"))
    if frame.cursor is not None:
        line = (*line, (f"  step {frame.cursor:.0f}", "accent"))
    return line
