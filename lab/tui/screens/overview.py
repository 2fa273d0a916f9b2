"""Overview: the studies, the workers and what asks for attention, at a glance; and what to do first in an empty lab."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from lab.safe import one_line
from lab.tui.format import age, aware, clock, duration, percent
from lab.tui.screens.base import LabScreen
from lab.tui.screens.clone import open_clone
from lab.tui.text import Line, Span, fit, fit_line, width, wrap_spans
from lab.tui.widgets.jobs_table import TONES
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.studies_table import StudiesTable
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.glance import Event
    from lab.tui.feeds.overview import Attention, OverviewFeed, OverviewView, WorkerLine
    from lab.tui.feeds.status import Status

_DAY = timedelta(days=1)
_SIGNS = {"bad": "✗", "warn": "!", "good": "✓"}
_WORDS = {
    "RUNNING": "began",
    "SUCCEEDED": "succeeded",
    "CANCELLED": "was cancelled",
    "FAILED": "failed",
    "DEAD": "died",
}
_STEPS = (
    ("7", "Data", "bring in a folder of dialogues, or make a synthetic set"),
    ("n", "New study", "data, base model, methods; see the plan and its time, then start it"),
    ("2", "Jobs", "watch it train; closing the terminal stops nothing"),
    ("3", "Results", "which method wins, for whom and by how much; then 5, chat with it"),
)
_SIGN_CELLS = 3
_SENTENCE_LINES = 2
_STEP_CELLS = 18  # mark, key and name


class OverviewScreen(LabScreen["OverviewView"]):
    """Where the lab opens."""

    TAB: ClassVar[str] = "overview"
    CSS_PATH = "overview.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 (as Textual has it)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_study", "new study", id="overview.new_study"),
        Binding("y", "clone", "clone", id="overview.clone"),
        Binding("e", "failed", "failed jobs", id="overview.failed"),
        Binding("s", "study", "study", id="study"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: OverviewFeed | None = None
        self._failed: list[str] = []  # studies with failed jobs, the newest first

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """What asks for attention, the studies, and below them workers and events."""
        yield Lines(id="attention")
        yield Lines(id="empty")
        yield StudiesTable(self.lab.now)
        with Horizontal(id="below"):
            yield Lines(id="at-work")
            yield Lines(id="events")

    def on_mount(self) -> None:
        """Keys go to the table."""
        self.query_one(StudiesTable).focus()

    def want(self) -> Callable[[], OverviewView]:
        """Everything, with the silence of workers as the header knows it."""
        status = self.lab.status
        assert status is not None, "it is told before anything is wanted"
        return partial(self._read, status)

    def _read(self, status: Status) -> OverviewView:
        from lab.tui.feeds.overview import OverviewFeed

        if self._feed is None:
            self._feed = OverviewFeed()
        return self._feed.read(status)

    def tell(self, view: OverviewView) -> None:
        """Show what was read."""
        table, empty = self.query_one(StudiesTable), self.query_one("#empty", Lines)
        table.present = self.lab.study or ""
        table.display, empty.display = bool(view.studies), not view.studies
        table.fill(view.studies)
        self._failed = [one.row.name for one in view.studies if one.row.failed]
        self.refresh_bindings()
        empty.show(lambda cells: first_steps(view.has_data, cells))
        self._tell_attention(view.attention)
        self.query_one("#below").display = bool(view.workers or view.events)
        self.query_one("#at-work").display = bool(view.workers)
        self.query_one("#at-work", Lines).show(lambda cells: _workers(view.workers, cells))
        self.query_one("#events", Lines).show(lambda cells: _events(view.events, self.lab.now(), cells))

    def _tell_attention(self, found: Iterable[Attention]) -> None:
        panel = self.query_one("#attention", Lines)
        lines = [line for one in found for line in _attention(one, max(self.size.width - 1, 1))]
        panel.display = bool(lines)
        panel.styles.height = len(lines)
        panel.show(lambda _: lines)

    # ------------------------------------------------------------ what keys do

    @on(Table.Chosen, "#studies")
    def open_study(self) -> None:
        """Make it the study that all tabs show, and go where it is to be looked at."""
        row = self.query_one(StudiesTable).row
        if row is None:
            return
        if row.succeeded:
            self.lab.study = row.row.name
            self.app.switch_mode("results")
        else:
            self._go_to_jobs(row.row.name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only where a job failed there is something to go to."""
        del parameters
        return action != "failed" or bool(self._failed)

    def action_failed(self) -> None:
        """The failed jobs of the study under the cursor or, where it has none, of the newest that has."""
        row = self.query_one(StudiesTable).row
        present = row.row.name if row is not None else ""
        self._go_to_jobs(present if present in self._failed else self._failed[0], failed=True)

    def _go_to_jobs(self, study: str, *, failed: bool = False) -> None:
        from lab.tui.screens.to_jobs import go_to_jobs

        self.app.run_worker(go_to_jobs(self.lab, study, failed=failed), group="go")  # of the app: it leaves this screen

    def action_clone(self) -> None:
        """A new study that begins as the one under the cursor."""
        row = self.query_one(StudiesTable).row
        if row is not None:
            open_clone(self, row.row.name)


# ---------------------------------------------------------------- lines


def first_steps(has_data: bool, cells: int) -> list[Line]:
    """What to do in an empty lab; the step that is next stands out."""
    said = "The data are there. Next: a study." if has_data else "Nothing here yet. Four steps to an answer:"
    lines: list[Line] = [(), ((f" {said}", "strong"),), ()]
    for place, (key, name, what) in enumerate(_STEPS):
        done, now = has_data and place == 0, place == int(has_data)
        mark: Span = ("   ✓ ", "good") if done else (" ▸   " if now else "     ", "accent")
        head: Line = (mark, (f"{key}  ", "accent"), (fit(name, 10), "strong" if now else "dim" if done else ""))
        rows = wrap_spans([(what, "" if now else "dim")], cells - _STEP_CELLS - 1)
        lines += [(*(((" " * _STEP_CELLS, ""),) if number else head), *row) for number, row in enumerate(rows)]
    return [*lines, (), *wrap_spans(_SHELL, cells - 1)]


_SHELL: Line = (
    ("     or, from a shell:  ", "dim"),
    ("make demo", "accent"),
    ("  runs a small study on generated data, in minutes", "dim"),
)


def _attention(one: Attention, cells: int) -> list[Line]:
    """The sentence in at most so many lines, and how to mend it."""
    room = cells - _SIGN_CELLS
    rows = wrap_spans([(fit(one_line(one.what), _SENTENCE_LINES * room - _SIGN_CELLS).rstrip(), "")], room)
    how: Line = ((f"  {one.how}", "accent"),)
    rows = [*rows[:-1], (*rows[-1], *how)] if width(rows[-1]) + width(how) <= room else [*rows, how]
    sign: Span = (f" {_SIGNS[one.tone]} ", one.tone)
    return [(sign if number == 0 else (" " * _SIGN_CELLS, ""), *row) for number, row in enumerate(rows)]


def _workers(found: Iterable[WorkerLine], cells: int) -> list[Line]:
    lines: list[Line] = [((" workers", "head"),)]
    for one in found:
        state = "silent" if one.silent else one.state
        tone = "warn" if one.silent or one.state != "alive" else "good"
        does = ", ".join(f"{job.job} {job.kind} {job.method} {percent(job.progress)}" for job in one.jobs) or "idle"
        lines.append(
            fit_line(
                (
                    (f" {one_line(one.name)} ", ""),
                    (f"{one_line(', '.join(one.devices))} ", "dim"),
                    (f"{one_line(state)} ", tone),
                    (one_line(does), "accent" if one.jobs else "dim"),
                    (f"  {duration(one.silence)}" if one.silent else "", "warn"),
                ),
                cells,
            )
        )
    return lines


def moment(at: datetime, now: datetime) -> str:
    """The time of day, or how long ago where that is a day or more."""
    return clock(at) if now - aware(at) < _DAY else f"{age(at, now)} ago"


def _events(found: Iterable[Event], now: datetime, cells: int) -> list[Line]:
    lines: list[Line] = [((" last events", "head"),)]
    for one in found:
        word = _WORDS.get(str(one.state), str(one.state))
        what = f"{one.job} {one_line(one.kind)} {one_line(one.method)} "
        why = f": {one_line(one.error)}" if one.error and one.state in ("FAILED", "DEAD") else ""
        lines.append(
            fit_line(
                (
                    (f" {moment(one.at, now):>8} ", "dim"),
                    (what, ""),
                    (word, TONES[one.state]),
                    (f" in {one_line(one.study)}", "dim"),
                    (why, "dim"),
                ),
                cells,
            )
        )
    return lines
