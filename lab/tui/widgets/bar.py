"""The line at the bottom: what just happened and the keys of the moment, or a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from textual.events import Click, Key
from textual.timer import Timer
from textual.widget import Widget

from lab.safe import one_line
from lab.tui.text import Line, fit_line, width
from lab.tui.widgets.lines import Lines

_SECONDS = 6.0
_ALWAYS = ("help", "quit")  # ids of the bindings that stay where there is no room for all


class Hint(NamedTuple):
    """A key and what it does."""

    pressed: str
    shown: str
    description: str
    id: str

    @property
    def line(self) -> Line:
        """As it stands in the bar."""
        return ((self.shown, "accent"), (f" {self.description}", "dim"), ("  ", ""))


_LEFT_OUT = Hint("", "…", "", "")


class Bar(Lines):
    """Key hints; for some seconds a message stands before them, until it is answered a question in their place."""

    DEFAULT_CSS = """
    Bar { height: 1; dock: bottom; background: $panel; overflow-y: hidden; scrollbar-gutter: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._hints: list[Hint] = []
        self._fitting: list[Hint] = []
        self._start = 0  # the cell where they begin
        self._message: Line = ()
        self._answers: Mapping[str, Callable[[], Any]] = {}
        self._before: Widget | None = None  # had the focus when the question came
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Follow the keys that work where the focus is."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh_hints())
        self.refresh_hints()

    def refresh_hints(self) -> None:
        """Read the keys of the moment from the bindings."""
        if not self.is_attached:
            return
        shown: dict[str, Hint] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.id:
                hint = Hint(binding.key, self.app.get_key_display(binding), binding.description, binding.id)
                shown.setdefault(binding.description, hint)
        self._hints = list(shown.values())
        self._draw()

    def say(self, text: str, tone: str = "strong") -> None:
        """Tell what happened, for some seconds."""
        self.hush()
        self._message = ((" " + one_line(text), tone),)
        self._timer = self.set_timer(_SECONDS, self.hush)
        self._draw()

    def ask(self, question: str, answers: Mapping[str, Callable[[], Any]], hint: str) -> None:
        """Ask in place: the next key is the answer, and one that is not among `answers` leaves all as it is."""
        self._rest()
        self._message, self._answers = ((f" {one_line(question)}  ", "warn"), (hint, "strong")), answers
        self._before = self.screen.focused
        self.can_focus = True
        self.focus()
        self._draw()

    def on_key(self, event: Key) -> None:
        """Take the key as the answer; only a question has the focus here."""
        event.stop()
        event.prevent_default()
        answer = self._answers.get(event.key)
        before, self._before = self._before, None
        self.hush()
        self.screen.set_focus(before)  # with none before it neither: the bar would swallow the next key
        if answer is not None:
            answer()

    def on_blur(self) -> None:
        """Looking elsewhere answers no."""
        if self._answers:
            self.hush()

    @property
    def asking(self) -> bool:
        """Whether a question is waiting for its answer."""
        return bool(self._answers)

    def hush(self) -> None:
        """Back to the key hints."""
        self._message, self._answers, self.can_focus = (), {}, False
        self._rest()
        self._draw()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _draw(self) -> None:
        self.show(lambda cells: [self._line(cells)])

    def _line(self, cells: int) -> Line:
        """The message, and beside it the hints, if at least the most needed have room there."""
        self._start = width(self._message) + (2 if self._message else 1)
        room = cells - self._start
        hints = [] if self.asking else fitting(self._hints, room)
        self._fitting = hints if not self._message or sum(width(hint.line) for hint in hints) <= room else []
        if not self._fitting:
            return fit_line(self._message, cells)
        gap = (" " * (self._start - width(self._message)), "")
        return fit_line((*self._message, gap, *(span for hint in self._fitting for span in hint.line)), cells)

    def on_click(self, event: Click) -> None:
        """Press the key under the mouse."""
        x = event.x - self._start
        if x < 0:
            return
        for hint in self._fitting:
            x -= width(hint.line)
            if x < 0:
                if hint is not _LEFT_OUT:
                    self.app.simulate_key(hint.pressed.split(",")[0])
                return


def fitting(hints: Sequence[Hint], cells: int) -> list[Hint]:
    """The hints that fit in so many cells: help and quit always, and as many of the others as there is room for."""
    if sum(width(hint.line) for hint in hints) <= cells:
        return list(hints)
    always = [hint for hint in hints if hint.id in _ALWAYS]
    room = cells - sum(width(hint.line) for hint in (*always, _LEFT_OUT))
    kept: list[Hint] = []
    for hint in hints:
        room -= 0 if hint in always else width(hint.line)
        if room < 0:
            break
        kept += [] if hint in always else [hint]
    return [*kept, _LEFT_OUT, *always]
