"""The line at the bottom: the keys of the moment, or what just happened, or a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual.events import Click, Key
from textual.timer import Timer
from textual.widget import Widget

from lab.tui.text import Line, Span, fit_line, one_line, width
from lab.tui.widgets.lines import Lines

_SECONDS = 6.0


class Bar(Lines):
    """Key hints; a message covers them for some seconds, a question until it is answered."""

    DEFAULT_CSS = """
    Bar { height: 1; dock: bottom; background: $panel; overflow-y: hidden; scrollbar-gutter: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._hints: list[tuple[str, str, str]] = []  # key to press, key to show, what it does
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
        shown: dict[str, tuple[str, str]] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.enabled and active.binding.id:
                pressed = (active.binding.key, self.app.get_key_display(active.binding))
                shown.setdefault(active.binding.description, pressed)
        self._hints = [(*keys, description) for description, keys in shown.items()]
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
        if before is not None:
            before.focus()
        if answer is not None:
            answer()

    def on_blur(self) -> None:
        """Looking elsewhere answers no."""
        if self._answers:
            self.hush()

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
        self.show(lambda cells: [fit_line(self._message or self._keys(cells), cells)])

    def _keys(self, cells: int) -> Line:
        spans: list[Span] = [(" ", "")]
        for _, key, description in self._hints:
            hint = [(key, "accent"), (f" {description}", "dim"), ("  ", "")]
            if width(spans) + width(hint) > cells:
                break
            spans += hint
        return tuple(spans)

    def on_click(self, event: Click) -> None:
        """Press the key under the mouse."""
        if self._message:
            return
        x = event.x - 1
        for pressed, key, description in self._hints:
            x -= width([(f"{key} {description}  ", "")])
            if x < 0:
                self.app.simulate_key(pressed.split(",")[0])
                return
