"""Curves alone, as large as the terminal: zoom, logarithm, a cursor, and several runs over each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.errors import LabError
from lab.tui.screens.base import LabScreen
from lab.tui.screens.overlay import OverlayScreen
from lab.tui.text import Line, fit_line
from lab.tui.widgets.axes import Frame, Range, closest, window
from lab.tui.widgets.chart import Chart, Series
from lab.tui.widgets.legend import legends, title
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.tui.feeds.chart import ChartFeed, Choice, Curve, Points

_TONES = ("accent", "second", "good", "warn", "bad", "strong", "", "dim")
_LETTERS = "abcdefgh"
_JUMP = 10  # columns


class ChartScreen(LabScreen["dict[Curve, Points]"]):
    """One chart of the curves of a job, and of others."""

    TAB = "jobs"
    CSS_PATH = "chart.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", key_display="esc", id="chart.back"),
        Binding("left", "cursor(-1)", "value at a step", key_display="← →", id="chart.left"),
        Binding("right", "cursor(1)", "to the right", show=False, id="chart.right"),
        Binding("pageup", f"cursor(-{_JUMP})", "far to the left", show=False, id="chart.far_left"),
        Binding("pagedown", f"cursor({_JUMP})", "far to the right", show=False, id="chart.far_right"),
        Binding("plus,equals_sign", "zoom(1)", "zoom", key_display="+ −", id="chart.closer"),
        Binding("minus", "zoom(-1)", "zoom out", show=False, id="chart.farther"),
        Binding("0", "whole", "all steps", id="chart.whole"),
        Binding("y", "log", "log y", id="chart.log"),
        Binding("o", "overlay", "other curves", id="chart.overlay"),
    ]

    def __init__(self, job: int, group: str = "") -> None:
        super().__init__()
        self._job, self._group = job, group
        self.curves: tuple[Curve, ...] = ()
        self._points: dict[Curve, Points] = {}
        self._feed: ChartFeed | None = None
        self._log = False
        self._zoom = 0
        self._cursor: float | None = None

    def body(self) -> ComposeResult:
        """The chart, and below it what each curve is and has come to."""
        yield Lines(id="chart-title", classes="rule")
        yield Chart(id="chart")
        yield Lines(id="legend")

    # ------------------------------------------------------------ reading

    def want(self) -> Callable[[], dict[Curve, Points]]:
        """The points of the curves."""
        return partial(self._read, self.curves)

    def _read(self, curves: tuple[Curve, ...]) -> dict[Curve, Points]:
        from lab.tui.feeds import chart

        if self._feed is None:
            self._feed = chart.ChartFeed(chart_seconds=self.lab.chart_seconds)
        return self._feed.read(curves or chart.curves_of(self._job, self._group))

    def tell(self, view: dict[Curve, Points]) -> None:
        """Show what was read."""
        if not self.curves:
            self.curves = tuple(view)
        if tuple(view) == self.curves:
            self._points = view
            self.draw()

    def draw(self) -> None:
        """Draw the curves that have points."""
        frame, series = self._frame, self._series
        chart = self.query_one(Chart)
        if series and any(one.points for one in series):
            chart.draw(series, frame)
        else:
            chart.show(lambda _: [(), _NOTHING])
        panel = self.query_one("#legend", Lines)
        panel.styles.height = max(len(series), 1)
        panel.show(lambda cells: legends(series, frame.cursor, cells))
        said = title(frame, self._zoom, self._every)
        self.query_one("#chart-title", Lines).show(lambda cells: [fit_line(said, cells)])

    @property
    def _series(self) -> list[Series]:
        lettered = len(self.curves) > 1
        return [
            Series(curve.name, _TONES[number % len(_TONES)], self._points.get(curve, []), _LETTERS[number] * lettered)
            for number, curve in enumerate(self.curves)
        ]

    @property
    def _every(self) -> Range | None:
        """All steps that any curve has."""
        steps = [step for points in self._points.values() for step, _ in points]
        return (min(steps), max(steps)) if steps else None

    @property
    def _frame(self) -> Frame:
        every = self._every
        part = window(every, self._zoom, self._cursor) if every and self._zoom else None
        return Frame(self._log, part, self._cursor)

    # ------------------------------------------------------------ keys

    def action_log(self) -> None:
        """The logarithm of the values, or the values."""
        self._log = not self._log
        self.draw()

    def action_zoom(self, by: int) -> None:
        """Half as many steps in sight, or twice as many."""
        if (every := self._every) is not None:
            self._zoom = min(max(self._zoom + by, 0), closest(every))
            self.draw()

    def action_whole(self) -> None:
        """Every step, no cursor."""
        self._zoom, self._cursor = 0, None
        self.draw()

    def action_cursor(self, by: int) -> None:
        """Move the cursor by so many columns; at first it stands at the end."""
        every = self._every
        if every is None:
            return
        low, high = self._frame.x or every
        step = max((high - low) / self.query_one(Chart).columns, 1e-9)
        at = high if self._cursor is None else self._cursor + by * max(step, 1)
        self._cursor = float(round(min(max(at, every[0]), every[1])))
        self.draw()

    def action_back(self) -> None:
        """The cursor goes first, then the page."""
        if self._cursor is not None:
            self._cursor = None
            self.draw()
        else:
            self.dismiss()

    @work(exclusive=True, group="overlay")
    async def action_overlay(self) -> None:
        """Choose which curves are drawn."""
        try:
            found = await asyncio.to_thread(_choices, self.curves)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        chosen = await self.app.push_screen_wait(OverlayScreen(found, self.curves))
        if chosen:
            self.curves = chosen
            self._points = {curve: points for curve, points in self._points.items() if curve in chosen}
            self.draw()
            self.lab.poke()


_NOTHING: Line = ((" no point yet: curves begin with the first step", "dim"),)


def _choices(curves: Sequence[Curve]) -> list[Choice]:
    from lab.tui.feeds import chart

    return chart.choices(curves)
