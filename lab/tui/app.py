"""The app: its tabs and one tick that reads for the tab in sight. It only composes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, InputEvent, Key
from textual.screen import Screen

from lab.errors import LabError
from lab.tui.clipboard import osc52
from lab.tui.feeds.shared import SharedFeeds
from lab.tui.garbage import Garbage
from lab.tui.screens.base import LabScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.tabs import TABS, screens
from lab.tui.themes import THEMES
from lab.tui.widgets.header import Header

if TYPE_CHECKING:
    from lab.tui.feeds.status import Status

_TICK_SECONDS = 0.25
_SLOW_TICK_SECONDS = 1.0
_CHART_SECONDS = 1.0
_SLOW_CHART_SECONDS = 3.0


class LabApp(App[None]):
    """Persona Lab in a terminal. Leaving it stops nothing: jobs belong to the workers."""

    TITLE = "Persona Lab"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = screens()
    DEFAULT_MODE = TABS[0].name
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(tab.key, f"go('{tab.name}')", tab.title, show=False, id=f"tab.{tab.name}") for tab in TABS),
        Binding("question_mark", "help", "help", key_display="?", id="help"),
        Binding(App.COMMAND_PALETTE_BINDING, "command_palette", "find a key by its name", show=False, id="palette"),
        Binding("q", "quit", "quit", id="quit"),
    ]

    def __init__(
        self,
        *,
        low_bandwidth: bool = False,
        theme: str = THEMES[0].name,
        keys: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__()
        self.now = now
        self.low_bandwidth = low_bandwidth
        self.study: str | None = None  # None: there was none yet; the first that is there stays until another is chosen
        self.status: Status | None = None
        self.chart_seconds = _SLOW_CHART_SECONDS if low_bandwidth else _CHART_SECONDS  # how often a curve is read
        self.feeds = SharedFeeds(prepare, self.chart_seconds)
        self.garbage = Garbage()
        self.ticks = 0  # how often a tab has been read for and shown
        self._newest = ""  # study, when the user was last told
        self._wake = asyncio.Event()
        self._reading: set[LabScreen[object]] = set()
        self._again: set[LabScreen[object]] = set()  # poked while they were read for
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme
        self.set_keymap(keys or {})
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Start the tick; the first paint does not wait for it."""
        self.call_after_refresh(self.tick)

    async def on_event(self, event: Event) -> None:
        """Every key and every move of the mouse comes through here; a key that no widget took, once more."""
        if isinstance(event, InputEvent):
            self.garbage.typed()
        if not (isinstance(event, Key) and event.is_forwarded and self._answers(event)):
            await super().on_event(event)

    def _answers(self, event: Key) -> bool:
        """Take the key as the answer to a question: it was typed before that had the focus."""
        screen = self.screen
        if not isinstance(screen, LabScreen) or not screen.bar.asking:
            return False
        screen.bar.on_key(event)
        return True

    # ------------------------------------------------------------ the tick

    @work
    async def tick(self) -> None:
        """Have the tab in sight read for, rest; a poke ends the rest."""
        seconds = _SLOW_TICK_SECONDS if self.low_bandwidth else _TICK_SECONDS
        while self.is_running:
            poked = self._wake.is_set()
            self._wake.clear()
            self.garbage.collect()
            screen = self.screen
            if isinstance(screen, LabScreen) and screen.in_sight:
                if screen not in self._reading:
                    self._reading.add(screen)
                    self.read_for(screen)
                elif poked:
                    self._again.add(screen)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    def poke(self) -> None:
        """Something changed what is wanted: read, as soon as what it did to the screen is painted."""
        self.screen.call_after_refresh(self._wake.set)

    @work
    async def read_for(self, screen: LabScreen[object]) -> None:
        """Read what a tab wants and show it there; a slow tab keeps no other waiting."""
        try:
            status = await asyncio.to_thread(self.feeds.status, self.study)
            if screen.in_sight:
                self._settle_study(status, screen)
                self.status = status
                screen.tell_status(status)
                view = await asyncio.to_thread(screen.want())
                if screen.in_sight:  # else the user has gone elsewhere, or left, meanwhile
                    screen.tell(view)
        except Exception as error:  # a row that no lab has written costs a sentence, not the screen
            if screen.in_sight:
                screen.refuse(LabError.of(error))
        finally:
            self._reading.discard(screen)
            self.ticks += 1
            if screen in self._again:
                self._again.discard(screen)
                self._wake.set()

    def _settle_study(self, status: Status, screen: LabScreen[object]) -> None:
        """Stay with the study that is shown; one that is added meanwhile is said."""
        if self.study is None and status.study is not None:
            self.study = status.study.name
        if self._newest and status.newest != self._newest and status.newest != self.study:
            screen.bar.say(f"a new study was added: {status.newest}; s shows it")
        self._newest = status.newest

    # ------------------------------------------------------------ actions

    @on(Header.Went)
    def go_to(self, event: Header.Went) -> None:
        """A tab was clicked."""
        self.action_go(event.tab)

    def action_go(self, tab: str) -> None:
        """Go to a tab."""
        self.switch_mode(tab)

    def action_help(self) -> None:
        """Every key of the screen in sight."""
        self.push_screen(HelpScreen())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: all that keys do on the screen below it and where its focus is, and the colours."""
        for active in {one.binding.id: one for one in screen.active_bindings.values()}.values():
            binding = active.binding
            if binding.id and binding.description and binding.action != "command_palette" and active.enabled:
                action = partial(self.run_action, binding.action, active.node)
                yield SystemCommand(binding.description, f"key {self.get_key_display(binding)}", action)
        yield SystemCommand("theme", "other colours", self.action_change_theme)

    def action_change_theme(self) -> None:
        """Choose the colours, from now on."""
        from lab.tui.screens.theme_choice import choose_theme

        self.run_worker(choose_theme(self))

    def delay_update(self, delay: float = 0.001) -> None:
        """Textual hides for 50 ms how another mode comes about: as long as a key may wait. These come at once."""
        super().delay_update(delay)

    def copy_to_clipboard(self, text: str) -> None:
        """Into the clipboard of whoever sits at the terminal, also through tmux and GNU screen."""
        sequence = osc52(text, os.environ)
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(sequence)

    def action_help_quit(self) -> None:
        """Ctrl+C leaves too: jobs go on."""
        self.exit()
