"""Every key of the screen in sight."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from lab.tui.text import Line, fit
from lab.tui.widgets.lines import Lines

_KEY_CELLS = 16


class HelpScreen(ModalScreen[None]):
    """The keys that work on the screen below, from its own bindings."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="help.close"),
    ]

    def compose(self) -> ComposeResult:
        """The list of keys."""
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """Read the keys of the screen below."""
        lines = self._keys()
        keys = self.query_one("#keys", Lines)
        keys.border_title = "keys"
        keys.border_subtitle = "esc closes"
        keys.styles.height = len(lines) + 2
        keys.show(lambda _: lines)

    def _keys(self) -> list[Line]:
        below = self.app.screen_stack[-2]
        keys: dict[str, list[str]] = {}
        for active in below.active_bindings.values():
            if active.binding.id and active.binding.description:
                shown = self.app.get_key_display(active.binding)
                known = keys.setdefault(active.binding.description, [])
                known += [shown] if shown not in known else []
        return [
            ((fit("  " + " ".join(shown), _KEY_CELLS), "accent"), (description, ""))
            for description, shown in keys.items()
        ]
