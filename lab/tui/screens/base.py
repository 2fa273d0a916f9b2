"""What all tabs share: header, banner, body, bottom line, and how they read and act."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.screens.choices import pick_study
from lab.tui.text import Line, Span, wrap_spans
from lab.tui.widgets.bar import Bar
from lab.tui.widgets.header import Header
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.tui.app import LabApp
    from lab.tui.feeds.status import Status

View = TypeVar("View")

_NO_WORKER: Span = (" no worker is alive: jobs and chat wait. Start one:  lab up", "warn")


class LabScreen(Screen[None], Generic[View]):
    """A tab, or a page of one. Only the one in sight is asked what it wants, and only it is read for."""

    TAB: ClassVar[str]
    # Each screen says where its keys go; Textual would give them to a line to write in that is not even shown.
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self) -> None:
        super().__init__()
        self._told_study: str | None = None

    def compose(self) -> ComposeResult:
        """Header, banner, body, bottom line."""
        yield Header(self.TAB)
        yield Lines(id="banner")
        yield from self.body()
        yield Bar()

    @abstractmethod
    def body(self) -> ComposeResult:
        """What is between header and bottom line."""

    @abstractmethod
    def want(self) -> Callable[[], View]:
        """How to read what the screen shows now; called in a thread, so it touches no widget."""

    @abstractmethod
    def tell(self, view: View) -> None:
        """Show what was read."""

    # ------------------------------------------------------------ reading

    @property
    def lab(self) -> LabApp:
        """The app, by its own type."""
        return cast("LabApp", self.app)

    @property
    def alive(self) -> bool:
        """Whether there are widgets to show something on: composed, and not about to close."""
        return self.is_mounted and self.app.is_running and self.is_attached

    @property
    def in_sight(self) -> bool:
        """Whether the user looks at it."""
        return self.alive and self.is_current

    @property
    def bar(self) -> Bar:
        """The bottom line."""
        return self.query_one(Bar)

    def on_screen_resume(self) -> None:
        """In sight again: read at once."""
        self.lab.poke()

    def tell_status(self, status: Status) -> None:
        """Show how the lab is."""
        study = status.study.name if status.study else ""
        if study != self._told_study:
            self._told_study = study
            self.turn_to(study)
        self.query_one(Header).tell(status)
        self._warn(_why_nothing_starts(status))

    def turn_to(self, study: str) -> None:
        """Another study is shown from now on, and is yet to be read: leave nothing of the one before."""

    def refuse(self, error: LabError) -> None:
        """Show why nothing can be read."""
        self._warn(((f" {error}", "bad"),))

    def _warn(self, line: Line) -> None:
        banner = self.query_one("#banner", Lines)
        banner.display = bool(line)
        banner.styles.height = len(wrap_spans(line, max(self.size.width - 1, 1)))
        banner.show(lambda cells: wrap_spans(line, cells))

    # ------------------------------------------------------------ acting

    @work
    async def act(self, action: Callable[[], str]) -> None:
        """Do it in a thread, then say what came of it."""
        try:
            self.bar.say(await asyncio.to_thread(action))
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
        self.lab.poke()

    def action_new_study(self) -> None:
        """Put a study together."""
        from lab.tui.screens.new_study import NewStudyScreen

        self.app.push_screen(NewStudyScreen())

    def copy(self, text: str, what: str) -> None:
        """Into the clipboard of whoever sits at the terminal."""
        try:
            self.app.copy_to_clipboard(text)
            self.bar.say(f"copied {what}")
        except LabError as error:
            self.bar.say(str(error), "bad")

    @work(exclusive=True, group="study")
    async def action_study(self) -> None:
        """Choose the study that all tabs show."""
        try:
            studies = await asyncio.to_thread(_studies)
        except Exception as error:
            self.bar.say(str(LabError.of(error)), "bad")
            return
        if not studies:
            self.bar.say("no study yet: lab run --data FOLDER starts one")
            return
        present = self.lab.status.study if self.lab.status else None
        chosen = await pick_study(self.app, studies, present, self.lab.now)
        if chosen is not None:
            self.lab.study = chosen.name
            self.lab.poke()


def _why_nothing_starts(status: Status) -> Line:
    """Why jobs that are ready stay so; nothing if they do not."""
    if status.paused is not None:
        by = one_line(status.paused.by)
        how = "Go on:  lab resume  or space in Workers (6)"
        return ((f" the queue is paused by {by}: jobs wait, chat goes on. {how}", "warn"),)
    return (_NO_WORKER,) if not status.workers else ()


def _studies() -> list[StudyRow]:
    from lab.tui import acts

    return acts.studies()
