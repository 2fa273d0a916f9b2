"""Jobs: the live table, and the curve and the log of the job under the cursor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.filter import Narrowing, values
from lab.tui.format import counted
from lab.tui.screens.job import JobScreen, open_page
from lab.tui.screens.jobs_acts import JobActs
from lab.tui.screens.lineage import LineageScreen
from lab.tui.screens.log import LogScreen
from lab.tui.text import Line, Span, fit_line, wrap_spans
from lab.tui.widgets.filter_line import FilterLine
from lab.tui.widgets.job_detail import JobDetailPane
from lab.tui.widgets.jobs_table import FIELDS, JobsTable
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.queries import JobRow
    from lab.tui.feeds.jobs import JobsView


class JobsScreen(JobActs["JobsView"]):
    """The queue as a table, and one job of it in detail."""

    TAB = "jobs"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *JobActs.BINDINGS,  # the palette reads those of this class alone
        Binding("slash", "filter", "filter", key_display="/", id="jobs.filter"),
        Binding("l", "log", "log", id="jobs.log"),
        Binding("g", "lineage", "lineage", id="jobs.lineage"),
        Binding("e", "next_failed", "next failed", id="jobs.next_failed"),
        Binding("v", "group(1)", "next curve", id="jobs.group"),
        Binding("V", "group(-1)", "previous curve", show=False, id="jobs.group_back"),
        Binding("f", "only_study", "only this study", id="jobs.only_study"),
        Binding("s", "study", "study", id="study"),
        Binding("escape", "clear", "unmark, show all", show=False, id="jobs.clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._view: JobsView | None = None
        self._narrowing: Narrowing[JobRow] = Narrowing(FIELDS)
        self._of_study: tuple[Sequence[JobRow], str, Sequence[JobRow]] = ((), "", ())  # all, study, its own
        self._only_study = False

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """Filters, table, and below it curve and log."""
        yield Lines(id="narrowed", classes="rule")
        yield FilterLine(list(FIELDS), self._values)
        yield JobsTable(self.lab.now)
        yield Lines(id="empty")
        yield JobDetailPane(words=True)

    def on_mount(self) -> None:
        """Keys go to the table."""
        self.table.focus()

    @property
    def table(self) -> JobsTable:
        """The table."""
        return self.query_one(JobsTable)

    def want(self) -> Callable[[], JobsView]:
        """The table, and the details of the job under the cursor."""
        return partial(self._read, self.shown_job, self.group)

    def _read(self, job: int | None, group: str) -> JobsView:
        return self.lab.feeds.jobs.read(job, group, self.lab.status)

    @property
    def shown_job(self) -> int | None:
        """The job under the cursor."""
        return self.present.id if self.present else None

    def tell(self, view: JobsView) -> None:
        """Show what was read."""
        self._view = view
        self._fill()
        pane = self.query_one(JobDetailPane)
        pane.display = bool(view.jobs)
        if view.job is not None:
            pane.tell(view.job)

    def turn_to(self, study: str) -> None:
        """With `f` on, the jobs of the other study."""
        del study
        self._fill()

    def _fill(self) -> None:
        view = self._view
        if view is None:
            return
        self._narrowing.type(self._filter.value)
        rows = self._narrowing.kept(self._jobs_of_study(view.jobs))
        self._filter.tell(self._narrowing.fault)
        self.table.tell(rows, view.places)  # the same rows still grow older
        empty = self.query_one("#empty", Lines)
        empty.display = not rows
        self.table.display = bool(rows)
        message = _NO_JOBS if not view.jobs else ((" no job is left by these filters", "dim"),)
        empty.show(lambda cells: [(), *wrap_spans(message, cells - 2)])
        self._mark()

    def _jobs_of_study(self, jobs: Sequence[JobRow]) -> Sequence[JobRow]:
        """The jobs, or with `f` those of the study at the top; the same sequence again while nothing is new."""
        study = self._study
        if not study:
            return jobs
        if self._of_study[0] is not jobs or self._of_study[1] != study:
            self._of_study = (jobs, study, [job for job in jobs if study in job.studies])
        return self._of_study[2]

    @property
    def _study(self) -> str:
        """The study whose jobs alone are shown; "": all."""
        status = self.lab.status
        return status.study.name if self._only_study and status and status.study else ""

    @on(Table.Marked, "#jobs")
    def _mark(self) -> None:
        """Say what is marked and what is left out, for as long as it is."""
        words = self._filter.value.strip() if self._narrowing.narrows else ""
        marked = len(self.marked)
        line = self.query_one("#narrowed", Lines)
        line.display = bool(self._only_study or words or marked)
        total = len(self._view.jobs) if self._view else 0
        mark = _mark_line(marked, self._study, words, len(self.table.rows), total)
        line.show(lambda cells: [fit_line(mark, cells)])

    @on(Table.Moved, "#jobs")
    def show_other_job(self) -> None:
        """Another job is under the cursor."""
        self.forget_groups()
        self.lab.poke()

    # ------------------------------------------------------------ filter and marks

    @property
    def _filter(self) -> FilterLine:
        return self.query_one(FilterLine)

    def _values(self, field: str) -> Counter[str]:
        return values(self._view.jobs if self._view else (), FIELDS[field])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who types a filter need not be told how to begin."""
        if action == "filter" and self.is_mounted and self._filter.display:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Type to see only some of the jobs."""
        self._filter.open()

    def action_clear(self) -> None:
        """First unmark all; then show all jobs again."""
        if self.table.marks:
            self.table.unmark()
        else:
            self.show_all()

    @on(FilterLine.Left)
    def show_all(self) -> None:
        """No filter, every job."""
        self._only_study = False
        self._filter.clear()
        self._fill()
        self.table.focus()

    @on(FilterLine.Typed)
    def narrow(self) -> None:
        """Filter while typing."""
        self._fill()

    @on(FilterLine.Kept)
    def keep_filter(self) -> None:
        """Back to the table, filter in force."""
        self.table.focus()

    def show_study(self, *, failed: bool) -> None:
        """Only the jobs of the study at the top, the cursor on the first, or on the first that failed."""
        self._filter.clear()
        self.table.unmark()
        self._only_study = True
        self.table.lead(failed=failed)
        self._fill()
        self.table.focus()

    def action_only_study(self) -> None:
        """Show the jobs of the study at the top only, or all."""
        self._only_study = not self._only_study
        self._fill()

    # ------------------------------------------------------------ what keys do to jobs

    @property
    def marked(self) -> Sequence[JobRow]:
        """The jobs that are marked, in sight or not."""
        marks = self.table.marks
        return [job for job in self._view.jobs if job.id in marks] if self._view and marks else []

    @property
    def present(self) -> JobRow | None:
        """The job under the cursor."""
        return self.table.row

    def done(self, *, unmark: bool) -> None:
        """Something was done to jobs."""
        self.lab.feeds.jobs.hurry()
        if unmark:
            self.table.unmark()

    # ------------------------------------------------------------ detail

    def action_next_failed(self) -> None:
        """The cursor on the next job that failed."""
        rows, cursor = self.table.rows, self.table.cursor
        failed = [place for place, job in enumerate(rows) if job.state in ("FAILED", "DEAD")]
        if not failed:
            self.bar.say("no job has failed")
            return
        self.table.action_move(next((place for place in failed if place > cursor), failed[0]) - cursor)

    def action_log(self) -> None:
        """The whole log of the job."""
        if self.present is not None:
            self.app.push_screen(LogScreen(self.present.id))

    def action_lineage(self) -> None:
        """The tree that the job stands in."""
        if self.present is not None:
            self.app.push_screen(LineageScreen(self.present.id))

    @on(Table.Chosen, "#jobs")
    def open_job(self) -> None:
        """Enter opens the job's page, once; a key right behind it may have gone elsewhere."""
        if self.present is not None and self.is_active:
            view = self._view.job if self._view else None
            if view is not None and view.detail.row.id == self.present.id:
                open_page(self.lab, view)
            else:
                self.app.push_screen(JobScreen(self.present.id, self.group))


_NO_JOBS: Line = (
    (" no jobs yet. Start a study from a shell:\n\n", ""),
    ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
    ("   make demo", "accent"),
    ("     a small study on generated data, in minutes", "dim"),
)


def _mark_line(marked: int, study: str, words: str, left: int, jobs: int) -> Line:
    """The line that stays for as long as jobs are marked, or not all are shown."""
    line: list[Span] = []
    if marked:
        line += [(f" ● {marked:,} marked", "accent"), ("  c r p act on them  ", "dim"), ("esc", "accent")]
        line += [(" unmarks ", "dim")]
    said = [f"study {one_line(study)}"] if study else []
    said += [one_line(words)] if words else []
    if said:
        line += [(" only ", "warn"), (" ".join(said), "strong"), (f"  {left:,} of {counted(jobs, 'job')}", "dim")]
        line += [] if marked else [("  esc", "accent"), (" shows all", "dim")]
    return tuple(line)
