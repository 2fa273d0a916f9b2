"""The log of one job, as high as the terminal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from lab.safe import one_line
from lab.tui.filter import Search, searching
from lab.tui.screens.base import LabScreen
from lab.tui.text import Line
from lab.tui.widgets.about import how_far
from lab.tui.widgets.field import Field
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.log import Log

if TYPE_CHECKING:
    from lab.db.queries import JobDetail, LogLine
    from lab.tui.feeds.log import LogTail

LogView = tuple["JobDetail", "list[LogLine]"]


class LogScreen(LabScreen["LogView"]):
    """The log of one job, following until you scroll."""

    TAB = "jobs"
    CSS_PATH = "log.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", key_display="esc", id="log.back"),
        Binding("l", "app.pop_screen", "back", show=False, id="log.leave"),
        Binding("slash", "search", "search", key_display="/", id="log.search"),
        Binding("n", "step(1)", "next match", id="log.next"),
        Binding("N", "step(-1)", "previous match", id="log.previous"),
    ]

    def __init__(self, job: int) -> None:
        super().__init__()
        self._job = job
        self._tail: LogTail | None = None
        self._search: Search | None = None
        self._lines = 0

    def body(self) -> ComposeResult:
        """How far the job is, then its log."""
        yield Lines(id="log-title", classes="rule")
        yield Lines(id="log-rule", classes="rule")
        yield Field(placeholder="words, or /regex/", id="search", select_on_focus=False)
        yield Log(id="log")

    def on_mount(self) -> None:
        """Keys scroll the log."""
        self.log_.focus()

    @property
    def log_(self) -> Log:
        """The log; Textual has a `log` of its own."""
        return self.query_one(Log)

    def want(self) -> Callable[[], LogView]:
        """The job and its log."""
        return partial(self._read, self._job)

    def _read(self, job: int) -> LogView:
        from lab.db.queries import get_job
        from lab.tui.feeds.log import LogTail

        if self._tail is None:
            self._tail = LogTail()
        return get_job(job), self._tail.read(job)

    def tell(self, view: LogView) -> None:
        """Show what was read."""
        detail, lines = view
        job = detail.row
        title = f" {job.id} {job.kind} {one_line(job.title)}  {job.state}  "
        self.query_one("#log-title", Lines).show(lambda _: [((title, "strong"), *how_far(detail))])
        self.log_.tell(job.id, lines)
        self._lines = len(lines)
        self._draw_rule()

    def _draw_rule(self) -> None:
        self.query_one("#log-rule", Lines).show(lambda _: [(*self._followed(), *self._sought())])

    def _followed(self) -> Line:
        if not self._lines:
            return ((" log  nothing yet", "dim"),)
        state = "following" if self.log_.at_end else "scrolled: end follows again"
        return ((f" log  {self._lines:,} lines  {state}", "dim"),)

    def _sought(self) -> Line:
        if self._search is None:
            return ()
        if self._search.fault:
            return ((f"   {one_line(self._search.fault)}", "bad"),)
        place, count = self.log_.place
        words = one_line(self.query_one("#search", Input).value)
        if not count:
            return ((f"   {words}", "strong"), (" is nowhere", "warn"))
        return ((f"   {words}", "strong"), (f"  line {place} of {count:,}", "accent"))

    # ------------------------------------------------------------ search

    def action_search(self) -> None:
        """Type what to find."""
        box = self.query_one("#search", Input)
        box.display = True
        box.focus()

    @on(Input.Changed, "#search")
    def seek(self, event: Input.Changed) -> None:
        """Find while typing."""
        self._search = searching(event.value) if event.value else None
        self.log_.search(self._search)
        self._draw_rule()
        self.refresh_bindings()

    @on(Input.Submitted, "#search")
    def keep(self) -> None:
        """Back to the log, what was found marked."""
        self.query_one("#search", Input).display = False
        self.log_.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is a next match only where something is looked for."""
        del parameters
        return action != "step" or self._search is not None

    def action_step(self, by: int) -> None:
        """The next line that has it, or the one before."""
        self.log_.step(by)
        self._draw_rule()

    def action_back(self) -> None:
        """First leave the search, then the log."""
        box = self.query_one("#search", Input)
        if self._search is not None or box.display:
            box.display = False
            box.value = ""
            self.log_.focus()
        else:
            self.app.pop_screen()
