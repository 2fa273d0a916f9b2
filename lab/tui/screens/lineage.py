"""The family of one job: a tree to walk, each job a key away from its page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.format import counted
from lab.tui.screens.base import LabScreen
from lab.tui.screens.log import LogScreen
from lab.tui.widgets.lineage import LineageTree
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.db.family import Family
    from lab.tui.feeds.lineage import LineageFeed


class LineageScreen(LabScreen["Family"]):
    """What a job stands on, and what stands on it."""

    TAB = "jobs"
    CSS_PATH = "lineage.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", key_display="esc", id="lineage.back"),
        Binding("g", "lineage", "lineage of this one", id="lineage.here"),
        Binding("l", "log", "log", id="jobs.log"),
    ]

    def __init__(self, job: int) -> None:
        super().__init__()
        self._job = job
        self._feed: LineageFeed | None = None

    def body(self) -> ComposeResult:
        """How many there are, then the tree."""
        yield Lines(id="lineage-title", classes="rule")
        yield LineageTree()

    def on_mount(self) -> None:
        """Keys walk the tree."""
        self.tree_.focus()

    @property
    def tree_(self) -> LineageTree:
        """The tree; Textual has a `tree` of its own."""
        return self.query_one(LineageTree)

    def want(self) -> Callable[[], Family]:
        """The family."""
        return partial(self._read, self._job)

    def _read(self, job: int) -> Family:
        from lab.tui.feeds.lineage import LineageFeed

        if self._feed is None:
            self._feed = LineageFeed()
        return self._feed.read(job)

    def tell(self, view: Family) -> None:
        """Show what was read."""
        job = view.members[view.job]
        above, below = len(view.parents) - 1, len(view.children) - 1
        said = f"  stands on {_jobs(above)}, {_jobs(below)} {'stand' if below > 1 else 'stands'} on it"
        title = f" lineage of {job.id} {one_line(job.kind)} {one_line(job.title)}"
        self.query_one("#lineage-title", Lines).show(lambda _: [((title, "strong"), (said, "dim"))])
        self.tree_.tell(view)

    @property
    def _chosen(self) -> int | None:
        """The job under the cursor."""
        node = self.tree_.row
        return node.job.id if node is not None and node.job is not None else None

    @on(Table.Chosen, "#tree")
    def open_job(self) -> None:
        """Enter opens the job's page; where many share a line, the line."""
        from lab.tui.screens.job import JobScreen  # whose page leads here, too

        if not self.is_active:  # a key right behind this one went elsewhere
            return
        if self._chosen is not None:
            self.app.push_screen(JobScreen(self._chosen, ""))
        else:
            self.tree_.toggle()

    def action_lineage(self) -> None:
        """The tree as it is seen from the job under the cursor."""
        if self._chosen is not None and self._chosen != self._job:
            self.app.push_screen(LineageScreen(self._chosen))

    def action_log(self) -> None:
        """The log of the job under the cursor."""
        if self._chosen is not None:
            self.app.push_screen(LogScreen(self._chosen))


def _jobs(count: int) -> str:
    return counted(count, "job") if count else "no job"
