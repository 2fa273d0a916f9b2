"""The line to write in, with what was written before."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from lab.tui.widgets.field import Field


class Prompt(Field):
    """A field with a history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "send", id="prompt.send"),
        Binding("up", "recall(-1)", "earlier", id="prompt.earlier"),
        Binding("down", "recall(1)", "later", show=False, id="prompt.later"),
    ]

    def __init__(self, *, placeholder: str, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(placeholder=placeholder, id=id)
        self._history: list[str] = []
        self._place = 0

    def keep(self, words: str) -> None:
        """Remember what was sent and empty the line."""
        if not self._history or self._history[-1] != words:
            self._history.append(words)
        self._place = len(self._history)
        self.value = ""

    def action_recall(self, by: int) -> None:
        """An earlier or later line; after the last, an empty one."""
        self._place = min(max(self._place + by, 0), len(self._history))
        self.value = self._history[self._place] if self._place < len(self._history) else ""
        self.cursor_position = len(self.value)
