"""One job in full: what it is, how far it is, its curve and its log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.screens.curves import CurveScreen
from lab.tui.screens.log import LogScreen
from lab.tui.widgets.about import about, how_far
from lab.tui.widgets.job_detail import JobDetailPane
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.log import Log

if TYPE_CHECKING:
    from lab.tui.app import LabApp
    from lab.tui.feeds.job import JobView

_PAGE = "job"


class JobScreen(CurveScreen["JobView"]):
    """The page of one job."""

    TAB = "jobs"
    CSS_PATH = "job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", id="job.back"),
        Binding("l", "log", "log alone", id="jobs.log"),
        Binding("g", "lineage", "lineage", id="jobs.lineage"),
        Binding("v", "group(1)", "next curve", id="jobs.group"),
        Binding("V", "group(-1)", "previous curve", show=False, id="jobs.group_back"),
    ]

    def __init__(self, job: int, group: str) -> None:
        super().__init__()
        self._job = job
        self.group = group

    def body(self) -> ComposeResult:
        """What the job is, then its curve beside its log."""
        yield Lines(id="job-title", classes="rule")
        yield Lines(id="about")
        yield JobDetailPane(words=False)

    def on_mount(self) -> None:
        """Keys scroll the log."""
        self.query_one(Log).focus()

    @property
    def shown_job(self) -> int:
        """The job of this page."""
        return self._job

    def turn_over(self, view: JobView) -> None:
        """Be the page of another job from now on, of which this is known already."""
        self._job = view.detail.row.id
        self.forget_groups()
        self.group = view.group
        if self.is_mounted and self.lab.status is not None:
            self.tell_status(self.lab.status)
            self.tell(view)

    def want(self) -> Callable[[], JobView]:
        """The job as it is now."""
        return partial(self._read, self._job, self.group)

    def _read(self, job: int, group: str) -> JobView:
        return self.lab.feeds.jobs.page(job, group, self.lab.status)

    def tell(self, view: JobView) -> None:
        """Show what was read; of the job before, if it was read for too long, nothing."""
        detail = view.detail
        job = detail.row
        if job.id != self._job:
            return
        title = f" {job.id} {job.kind} {one_line(job.title)}  {job.state}  "
        self.query_one("#job-title", Lines).show(lambda _: [((title, "strong"), *how_far(detail))])
        panel = self.query_one("#about", Lines)
        panel.styles.height = len(about(detail, panel.cells, view.why))
        panel.show(lambda cells: about(detail, cells, view.why))
        self.query_one(JobDetailPane).tell(view)

    def action_log(self) -> None:
        """The log alone, as high as the terminal."""
        self.app.push_screen(LogScreen(self._job))

    def action_lineage(self) -> None:
        """The tree that the job stands in."""
        from lab.tui.screens.lineage import LineageScreen  # which leads here, too

        self.app.push_screen(LineageScreen(self._job))


def open_page(app: LabApp, view: JobView) -> None:
    """Open the page of a job that is known already: the one of the last time, which costs half as long as a new one."""
    if not app.is_screen_installed(_PAGE):
        app.install_screen(JobScreen(view.detail.row.id, view.group), _PAGE)
    page = app.get_screen(_PAGE, JobScreen)
    page.turn_over(view)
    app.push_screen(page)
