"""The log of one job, as high as the terminal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.screens.base import LabScreen
from lab.tui.widgets.about import how_far
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
        Binding("escape,l", "app.pop_screen", "back", key_display="esc", id="log.back"),
    ]

    def __init__(self, job: int) -> None:
        super().__init__()
        self._job = job
        self._tail: LogTail | None = None

    def body(self) -> ComposeResult:
        """How far the job is, then its log."""
        yield Lines(id="log-title", classes="rule")
        yield Lines(id="log-rule", classes="rule")
        yield Log(id="log")

    def on_mount(self) -> None:
        """Keys scroll the log."""
        self.query_one(Log).focus()

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
        title = f" {job.id} {job.kind} {one_line(job.whose)}  {job.state}  "
        self.query_one("#log-title", Lines).show(lambda _: [((title, "strong"), *how_far(detail))])
        log = self.query_one(Log)
        log.tell(job.id, lines)
        state = "following" if log.at_end else "scrolled: end follows again"
        said = f" log  {len(lines)} lines  {state}" if lines else " log  nothing yet"
        self.query_one("#log-rule", Lines).show(lambda _: [((said, "dim"),)])
