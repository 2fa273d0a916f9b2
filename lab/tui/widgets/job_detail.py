"""The lower half of Jobs: the curve of one job, or what there is to say about it, and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from lab.tui.format import loss
from lab.tui.text import Line, fit_line, joined, one_line
from lab.tui.widgets.about import about, facts
from lab.tui.widgets.chart import Chart, Series
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.log import Log

if TYPE_CHECKING:
    from lab.tui.feeds.jobs import JobsView


class JobDetailPane(Horizontal):
    """Curve to the left, log to the right."""

    def compose(self) -> ComposeResult:
        """The two halves, each with a title."""
        with Vertical(id="curve"):
            yield Lines(id="curve-title", classes="rule")
            yield Chart(id="chart")
            yield Lines(id="facts", classes="rule")
        with Vertical(id="log-pane"):
            yield Lines(id="log-title", classes="rule")
            yield Log(id="log")

    def tell(self, view: JobsView, groups: int) -> None:
        """Show the job of this view."""
        detail = view.detail
        self.display = bool(view.jobs)
        if detail is None:
            return
        log = self.query_one(Log)
        log.tell(detail.row.id, view.log)
        following = "following" if log.at_end else "end: follow"
        self._title("#log-title", (("log", "strong"), (f"  {following}" if view.log else "  nothing yet", "dim")))
        self._title("#curve-title", _title(view, groups))
        chart = self.query_one(Chart)
        drawn = bool(view.train or view.val)
        chart.set_class(not drawn, "-words")
        if drawn:
            chart.draw([Series("train", "accent", view.train), Series("val", "second", view.val)])
        else:
            chart.show(lambda cells: about(detail, cells))
        facts_line = self.query_one("#facts", Lines)
        facts_line.display = drawn
        facts_line.show(lambda cells: [fit_line(tuple(facts(detail.spec)), cells)])

    def _title(self, which: str, line: Line) -> None:
        self.query_one(which, Lines).show(lambda cells: [fit_line(((" ", ""), *line), cells)])


def _title(view: JobsView, groups: int) -> Line:
    assert view.detail is not None
    job = view.detail.row
    parts: list[Line] = [((f"{job.id} {job.kind} {one_line(job.method)}", "strong"),)]
    if view.train or view.val:
        parts += [
            ((f"━ {name} ", tone), (loss(points[-1][1]), ""))
            for name, tone, points in (("train", "accent", view.train), ("val", "second", view.val))
            if points
        ]
        group = one_line(view.wanted.group) or (f"mean of {groups} groups" if groups else "mean over groups")
        parts.append(((group, "dim"),))
    if job.note:
        parts.append(((one_line(job.note), "dim"),))
    return joined(parts)
