"""Every key of the screen in sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        keys.border_subtitle = "↑ ↓ scroll · esc closes"
        keys.styles.height = len(lines) + 2
        keys.show(lambda _: lines)
        keys.can_focus = True  # in a small terminal it is longer than the screen
        keys.focus()

    def _keys(self) -> list[Line]:
        """Those of the screen below and of what has its focus, then those that work everywhere."""
        below = self.app.screen_stack[-2]
        groups: dict[str, dict[str, list[str]]] = {"this screen": {}, "everywhere": {}}
        for active in below.active_bindings.values():
            binding = active.binding
            if binding.id and binding.description:
                group = groups["everywhere" if active.node is self.app else "this screen"]
                known, shown = group.setdefault(binding.description, []), self.app.get_key_display(binding)
                known += [shown] if shown not in known else []
        return [line for title, keys in groups.items() if keys for line in _group(title, keys)][:-1]


def _group(title: str, keys: Mapping[str, Sequence[str]]) -> Iterator[Line]:
    yield ((f"  {title}", "head"),)
    for description, shown in keys.items():
        yield ((fit("  " + " ".join(shown), _KEY_CELLS), "accent"), (description, ""))
    yield ()
