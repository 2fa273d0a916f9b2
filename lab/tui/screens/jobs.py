"""Jobs: the live table, and the curve and the log of the job under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from lab.safe import one_line
from lab.tui.screens.curves import CurveScreen
from lab.tui.screens.job import JobScreen
from lab.tui.screens.log import LogScreen
from lab.tui.text import Line, fit_line, wrap_spans
from lab.tui.widgets.job_detail import JobDetailPane
from lab.tui.widgets.jobs_table import JobsTable, arranged, queue_places
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.queries import JobRow
    from lab.tui.feeds.jobs import JobsFeed, JobsView


class JobsScreen(CurveScreen["JobsView"]):
    """The queue as a table, and one job of it in detail."""

    TAB = "jobs"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "cancel", id="jobs.cancel"),
        Binding("r", "retry", "retry", id="jobs.retry"),
        Binding("plus,equals_sign", "shift(1)", "priority up", show=False, id="jobs.raise"),
        Binding("minus", "shift(-1)", "priority down", show=False, id="jobs.lower"),
        Binding("l", "log", "log", id="jobs.log"),
        Binding("slash", "filter", "filter", key_display="/", id="jobs.filter"),
        Binding("p", "priority", "priority", id="jobs.priority"),
        Binding("e", "next_failed", "next failed", id="jobs.next_failed"),
        Binding("g", "group(1)", "next curve", id="jobs.group"),
        Binding("G", "group(-1)", "previous curve", show=False, id="jobs.group_back"),
        Binding("f", "only_study", "only this study", id="jobs.only_study"),
        Binding("s", "study", "study", id="study"),
        Binding("escape", "clear", "show all", show=False, id="jobs.clear"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: JobsFeed | None = None
        self._view: JobsView | None = None
        self._arranged_of: tuple[list[JobRow], str, str] = ([], "", "")
        self._arranged: list[JobRow] = []
        self._queue: dict[int, int] = {}
        self._only_study = False

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """Filters, table, and below it curve and log."""
        yield Lines(id="narrowed", classes="rule")
        placeholder = "words of id, kind, method, state, device, error"
        yield Input(placeholder=placeholder, id="filter", select_on_focus=False)
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
        from lab.tui.feeds.jobs import JobsFeed

        if self._feed is None:
            self._feed = JobsFeed(chart_seconds=self.lab.chart_seconds)
        return self._feed.read(job, group)

    @property
    def shown_job(self) -> int | None:
        """The job under the cursor."""
        return self.table.row.id if self.table.row else None

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
        study = self._study
        of = (view.jobs, self._filter.value, study)
        if self._arranged_of[0] is not of[0]:
            self._queue = queue_places(view.jobs)
        if self._arranged_of[0] is not of[0] or self._arranged_of[1:] != of[1:]:
            self._arranged_of, self._arranged = of, arranged(*of)
        self.table.tell(self._arranged, self._queue)  # the same rows still grow older
        narrowed = self.query_one("#narrowed", Lines)
        narrowed.display = self._only_study or bool(self._filter.value)
        mark = _filters(study, self._filter.value, len(self._arranged), len(view.jobs))
        narrowed.show(lambda cells: [fit_line(mark, cells)])
        empty = self.query_one("#empty", Lines)
        empty.display = not self.table.rows
        self.table.display = bool(self.table.rows)
        message = _NO_JOBS if not view.jobs else ((" no job is left by these filters", "dim"),)
        empty.show(lambda cells: [(), *wrap_spans(message, cells - 2)])

    @property
    def _study(self) -> str:
        """The study whose jobs alone are shown; "": all."""
        status = self.lab.status
        return status.study.name if self._only_study and status and status.study else ""

    @on(Table.Moved, "#jobs")
    def show_other_job(self) -> None:
        """Another job is under the cursor."""
        self.forget_groups()
        self.lab.poke()

    # ------------------------------------------------------------ filter

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def action_filter(self) -> None:
        """Type words to see only jobs that have them all."""
        self._filter.display = True
        self._filter.focus()

    def action_clear(self) -> None:
        """Show all jobs again."""
        self._only_study = False
        self._filter.value = ""
        self._filter.display = False
        self._fill()
        self.table.focus()

    @on(Input.Changed, "#filter")
    def narrow(self) -> None:
        """Filter while typing."""
        self._fill()

    @on(Input.Submitted, "#filter")
    def keep_filter(self) -> None:
        """Back to the table, filter in force."""
        self._filter.display = False
        self.table.focus()

    def action_only_study(self) -> None:
        """Show the jobs of the study at the top only, or all."""
        self._only_study = not self._only_study
        self._fill()

    # ------------------------------------------------------------ what keys do to a job

    def action_cancel(self) -> None:
        """Cancel the job; a running one after a question."""
        job = self.table.row
        if job is None:
            return
        if job.state != "RUNNING":
            self._do("cancel", job)
            return
        self.bar.ask(
            f"Cancel job {job.id} {job.kind} {job.whose}, {job.progress:.0%} done?",
            {"y": partial(self._do, "cancel", job)},
            "y cancel it · any other key: go on",
        )

    def action_retry(self) -> None:
        """Try a broken job again."""
        if self.table.row is not None:
            self._do("retry", self.table.row)

    def action_priority(self) -> None:
        """Say how to raise and lower."""
        job = self.table.row
        if job is not None:
            shifts = {
                key: partial(self.action_shift, by) for key, by in (("plus", 1), ("equals_sign", 1), ("minus", -1))
            }
            self.bar.ask(f"Priority of job {job.id} is {job.priority:+}", shifts, "+ raise · − lower")

    def action_shift(self, by: int) -> None:
        """Raise or lower the job's priority."""
        if self.table.row is not None:
            self._do("prioritise", self.table.row, by)

    def _do(self, what: str, job: JobRow, *arguments: int) -> None:
        def action() -> str:
            from lab.tui import acts

            said: str = getattr(acts, what)(job, *arguments)
            if self._feed is not None:
                self._feed.hurry()
            return said

        self.act(action)

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
        if self.table.row is not None:
            self.app.push_screen(LogScreen(self.table.row.id))

    @on(Table.Chosen, "#jobs")
    def open_job(self) -> None:
        """Enter opens the job's page."""
        if self.table.row is not None:
            self.app.push_screen(JobScreen(self.table.row.id, self.group))


_NO_JOBS: Line = (
    (" no jobs yet. Start a study from a shell:\n\n", ""),
    ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
    ("   make demo", "accent"),
    ("     a small study on generated data, in minutes", "dim"),
)


def _filters(study: str, words: str, left: int, jobs: int) -> Line:
    """The mark that stays for as long as not all jobs are shown."""
    said = [f"study {one_line(study)}"] if study else []
    said += [f"/{one_line(words)}"] if words else []
    return (
        (" only ", "warn"),
        (" ".join(said), "strong"),
        (f"  {left} of {jobs} jobs  ", "dim"),
        ("esc", "accent"),
        (" shows all", "dim"),
    )
