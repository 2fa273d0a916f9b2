"""The curve of one job, or what there is to say about it, beside its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from lab.safe import one_line
from lab.tui.format import loss
from lab.tui.text import Line, fit_line, fit_middle, joined, width
from lab.tui.widgets.about import about, facts, has_groups, step
from lab.tui.widgets.chart import Chart, Series
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.log import Log

if TYPE_CHECKING:
    from lab.tui.feeds.job import JobView

_LEAST_GROUP_CELLS = 16
_TITLE_GAP = 2


class JobDetailPane(Horizontal):
    """Curve to the left, log to the right. With `words`, it says what the job is where there is no curve."""

    DEFAULT_CSS = """
    JobDetailPane {
        #curve { width: 1fr; }
        #log-pane { width: 1fr; border-left: vkey $border; }
        #chart { height: 1fr; padding: 0 1 0 0; }
        #chart.-words { padding: 0 1; }
        #log { height: 1fr; }
        #facts { background: $surface; padding: 0 1; }
    }
    """

    def __init__(self, *, words: bool) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        """The two halves, each with a title."""
        with Vertical(id="curve"):
            yield Lines(id="curve-title", classes="rule")
            yield Chart(id="chart")
            yield Lines(id="facts", classes="rule")
        with Vertical(id="log-pane"):
            yield Lines(id="log-title", classes="rule")
            yield Log(id="log")

    def tell(self, view: JobView) -> None:
        """Show this job."""
        detail = view.detail
        log = self.query_one(Log)
        log.tell(detail.row.id, view.log)
        following = "following" if log.at_end else "end: follow"
        said: Line = (("log", "strong"), (f"  {following}" if view.log else "  nothing yet", "dim"))
        self._title("#log-title", lambda _: said)
        self._title("#curve-title", lambda cells: curve_title(view, cells))
        chart = self.query_one(Chart)
        drawn = view.has_curve
        self.query_one("#curve").display = drawn or self._words
        chart.set_class(not drawn, "-words")
        if drawn:
            chart.draw([Series("train", "accent", view.train), Series("val", "second", view.val)])
        else:
            chart.show(lambda cells: about(detail, cells, view.why))
        facts_line = self.query_one("#facts", Lines)
        facts_line.display = drawn and self._words
        below = ((view.why[0], "warn"),) if view.why else tuple(facts(detail.spec))
        facts_line.show(lambda cells: [fit_line(below, cells)])

    def _title(self, which: str, line: Callable[[int], Line]) -> None:
        self.query_one(which, Lines).show(lambda cells: [fit_line(((" ", ""), *line(cells - 1)), cells)])


def curve_title(view: JobView, cells: int) -> Line:
    """Which job, how low its losses are and whose they are; a long group's name is cut in its middle."""
    job = view.detail.row
    name: Line = ((f"{job.id} {job.kind} {one_line(job.title)}", "strong"),)
    losses = list(_losses(view))
    note: Line = ((one_line(job.note), "dim"),)
    if not losses:
        return joined([name, ((step(view.detail), "dim"),), note])
    whose = one_line(view.group) or ("mean over groups" if has_groups(view.detail) else step(view.detail))
    if _room(name, losses, cells) < min(len(whose), _LEAST_GROUP_CELLS):
        name = ((str(job.id), "strong"),)
    room = _room(name, losses, cells)
    whose = fit_middle(whose, room) if view.group or len(whose) <= room else whose.split()[0]
    return joined([name, *losses, ((whose, "dim"),), note])


def _losses(view: JobView) -> Iterator[Line]:
    """The job's own, as the table has them; or where one group's curves end."""
    job = view.detail.row
    for name, tone, points, whole in (
        ("train", "accent", view.train, job.loss),
        ("val", "second", view.val, job.val_loss),
    ):
        if points:
            latest = points[-1][1] if view.group or whole is None else whole
            yield ((f"━ {name} ", tone), (loss(latest), ""))


def _room(name: Line, losses: Sequence[Line], cells: int) -> int:
    """Cells that are left behind name and losses."""
    return cells - width(joined([name, *losses])) - _TITLE_GAP
