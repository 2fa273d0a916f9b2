"""Edit the context that a conversation takes place in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from lab.errors import LabError
from lab.tui.text import Line, wrap_spans
from lab.tui.widgets.lines import Lines


def written(context: Mapping[str, Any]) -> str:
    """`time_of_day=evening, weather=rainy`."""
    return ", ".join(f"{key}={value}" for key, value in context.items())


def parsed(text: str) -> dict[str, str]:
    """The context as it is written by `written`.

    Raises:
        LabError: a part is not `key=value`.
    """
    context: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise LabError(f"'{part}' is not key=value; write weather=rainy, and commas between parts")
        context[key.strip()] = value.strip()
    return context


class ContextScreen(ModalScreen["dict[str, str] | None"]):
    """One line to edit; enter takes it, esc leaves all as it was."""

    CSS_PATH = "context.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "leave", id="context.leave")]

    def __init__(self, context: Mapping[str, Any]) -> None:
        super().__init__()
        self._where = context

    def compose(self) -> ComposeResult:
        """The line, and what is wrong with it."""
        with Vertical(id="frame") as frame:
            frame.border_title = "context"
            frame.border_subtitle = "enter take · esc leave"
            yield Input(written(self._where), placeholder="weather=rainy, time_of_day=evening")
            yield Lines(id="fault")

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Take it, if it can be read."""
        try:
            self.dismiss(parsed(event.value))
        except LabError as error:
            fault: Line = ((f" {error}", "bad"),)
            self.query_one("#fault", Lines).show(lambda cells: wrap_spans(fault, cells))
