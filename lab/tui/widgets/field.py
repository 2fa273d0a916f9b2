"""A line to type in."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class Field(Input):
    """An input whose cursor does not blink: over SSH every blink is bytes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_blink = False


class EntryField(Field):
    """A field that says which key takes what is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "go", id="field.submit")]


class FormField(EntryField):
    """One of several fields side by side."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.focus_next", "next field", id="field.next"),
        Binding("shift+tab", "screen.focus_previous", "field before", show=False, id="field.before"),
    ]
