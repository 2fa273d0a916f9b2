"""Workers: the devices of all machines, what they do and how they are used; drain, start, pause."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lab.safe import one_line
from lab.tui.format import age, duration, percent
from lab.tui.screens.base import LabScreen
from lab.tui.screens.job import JobScreen
from lab.tui.text import Line, beside, fit_line, wrap_spans
from lab.tui.widgets.devices_table import TONES, DevicesTable, gigabytes
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.spark import area
from lab.tui.widgets.table import Table

if TYPE_CHECKING:
    from lab.tui.feeds.status import Status
    from lab.tui.feeds.workers import DeviceLine, WorkersFeed, WorkersView

_GAP = 3
_FEWEST_ROWS = 2


class WorkersScreen(LabScreen["WorkersView"]):
    """Who computes, and how to have more or fewer of them."""

    TAB: ClassVar[str] = "workers"
    CSS_PATH = "workers.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "drain", "drain", id="workers.drain"),
        Binding("u", "up", "start one here", id="workers.up"),
        Binding("space", "pause", "pause / resume", key_display="space", id="workers.pause"),
        Binding("y", "copy_id", "copy id", id="workers.copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._feed: WorkersFeed | None = None
        self._view: WorkersView | None = None

    # ------------------------------------------------------------ what is shown

    def body(self) -> ComposeResult:
        """The queue, the devices, and how the one under the cursor was used."""
        yield Lines(id="queue", classes="rule")
        yield DevicesTable()
        yield Lines(id="empty")
        yield Lines(id="device-rule", classes="rule")
        yield Lines(id="device")

    def on_mount(self) -> None:
        """Keys go to the table."""
        self.table.focus()

    @property
    def table(self) -> DevicesTable:
        """The table."""
        return self.query_one(DevicesTable)

    def want(self) -> Callable[[], WorkersView]:
        """The workers, with their silence as the header knows it."""
        status = self.lab.status
        assert status is not None, "it is told before anything is wanted"
        return partial(self._read, status)

    def _read(self, status: Status) -> WorkersView:
        from lab.tui.feeds.workers import WorkersFeed

        if self._feed is None:
            self._feed = WorkersFeed()
        return self._feed.read(status)

    def tell(self, view: WorkersView) -> None:
        """Show what was read."""
        self._view = view
        self.query_one("#queue", Lines).show(lambda cells: [fit_line(_queue(view), cells)])
        table, empty = self.table, self.query_one("#empty", Lines)
        table.display, empty.display = bool(view.devices), not view.devices
        table.fill(view.devices)
        empty.show(lambda cells: [(), *wrap_spans(_NOBODY, cells - 1)])
        self._tell_device()

    def _tell_device(self) -> None:
        line = self.table.row
        for part in ("#device-rule", "#device"):
            self.query_one(part).display = line is not None
        if line is not None:
            self.query_one("#device-rule", Lines).show(lambda cells: [fit_line(_title(line), cells)])
            panel = self.query_one("#device", Lines)
            panel.show(lambda cells: _device(line, cells, panel.size.height, age(line.started_at, self.lab.now())))

    @on(Table.Moved, "#devices")
    def show_other_device(self) -> None:
        """Another device is under the cursor."""
        self._tell_device()

    @on(Table.Chosen, "#devices")
    def open_job(self) -> None:
        """Enter opens the page of the job that is done there."""
        row = self.table.row
        if not self.is_active:  # a key right behind this one went elsewhere
            return
        if row is not None and row.job is not None:
            self.app.push_screen(JobScreen(row.job.job, ""))
        elif row is not None:
            self.bar.say(f"{row.device} of {row.name} is idle: no job to open")

    # ------------------------------------------------------------ what keys do

    def action_drain(self) -> None:
        """Have the worker leave after its jobs, or stay after all; after a question."""
        row = self.table.row
        if row is None:
            self.bar.say("no worker to drain")
        elif row.state == "draining":
            answers = {"y": partial(self._do, "stay", row.worker)}
            self.bar.ask(f"{row.name} is about to leave.", answers, "y let it stay · any other key: it leaves")
        else:
            answers = {"y": partial(self._do, "drain", row.worker)}
            question = f"Let {row.name} leave after its jobs?"
            self.bar.ask(question, answers, "y drain it · any other key: no")

    def action_up(self) -> None:
        """Start a worker on this machine."""
        self.bar.say("starting …")
        self._do("start")

    def action_pause(self) -> None:
        """Pause the queue after a question, for it is everybody's; or let it go on."""
        view = self._view
        if view is not None and view.paused is not None:
            self._do("resume")
            return
        answers = {"y": partial(self._do, "pause"), "space": partial(self._do, "pause")}
        question = "Pause the queue of all workers?"
        self.bar.ask(question, answers, "y jobs at hand go on, others wait")

    def action_copy_id(self) -> None:
        """The worker's id into the clipboard."""
        row = self.table.row
        if row is not None:
            self.copy(row.worker, f"the id of worker {row.name}")

    def _do(self, what: str, *arguments: str) -> None:
        def action() -> str:
            from lab.tui import worker_acts

            said: str = getattr(worker_acts, what)(*arguments)
            if self._feed is not None:
                self._feed.hurry()
            return said

        self.act(action)


_NOBODY: Line = (
    (" no worker is alive: jobs and chat wait.\n\n", ""),
    ("   u", "accent"),
    ("  starts one on this machine, for every device it has\n", ""),
    ("   lab up", "accent"),
    ("  does the same from a shell; on another machine: ", "dim"),
    ("python worker.py", "accent"),
)


def _queue(view: WorkersView) -> Line:
    if view.paused is None:
        return ((" queue ", "head"), ("goes on", "good"), (f"  {view.ready} ready", "dim"))
    by = one_line(view.paused.by)
    return (
        (" queue ", "head"),
        ("PAUSED", "warn"),
        (f" by {by}  {view.ready} ready  ", "dim"),
        ("space", "accent"),
        (" lets it go on", "dim"),
    )


def _title(line: DeviceLine) -> Line:
    model = f" · {one_line(line.model)}" if line.model else ""
    job = line.job
    does = f"job {job.job} {job.kind} {job.method} {percent(job.progress)}" if job else "idle"
    return (
        (f" {one_line(line.device)} of {one_line(line.name)}", "strong"),
        (model, "dim"),
        (f"  {line.state}", TONES.get(line.state, "")),
        (f"  {one_line(does)}", "dim"),
    )


def _device(line: DeviceLine, cells: int, rows: int, up: str) -> list[Line]:
    """Load and memory since the screen was opened, side by side, over the facts."""
    wide = (cells - _GAP) // 2
    high = max(rows - 2, _FEWEST_ROWS)
    load = [((" load ", "head"), (percent(line.use.load), ""))]
    memory = [((" memory ", "head"), (percent(line.use.share), ""), (f"  {gigabytes(line.use)} GB", "dim"))]
    graphs = beside(
        [
            ([*load, *area([use.load for use in line.history], wide, high, "accent")], wide),
            ([*memory, *area([use.share for use in line.history], wide, high, "second")], wide),
        ]
    )
    heard = f"last heard {duration(line.silence)} ago"
    return [*graphs, ((f" up {up} · process {line.pid} · version {one_line(line.version)} · {heard}", "dim"),)]
