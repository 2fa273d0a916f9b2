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
from lab.safe import one_line
from lab.tui.text import Line, wrap_spans
from lab.tui.widgets.lines import Lines


class ContextScreen(ModalScreen["dict[str, str] | None"]):
    """One line to edit; enter takes it, esc leaves all as it was."""

    CSS_PATH = "context.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "leave", id="context.leave")]

    def __init__(self, context: Mapping[str, Any]) -> None:
        super().__init__()
        self._where = context

    def compose(self) -> ComposeResult:
        """The line, and what is wrong with it."""
        from lab.report.people import written

        with Vertical(id="frame") as frame:
            frame.border_title = "context"
            frame.border_subtitle = "enter take · ^k delete what follows · esc leave"
            where = one_line(written(self._where))
            yield Input(where, placeholder="weather=rainy, time_of_day=evening", select_on_focus=False)
            yield Lines(id="fault")

    def on_mount(self) -> None:
        """From the beginning."""
        self.query_one(Input).cursor_position = 0

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Take it, if it can be read."""
        from lab.report.people import parsed

        try:
            self.dismiss(parsed(event.value))
        except LabError as error:
            fault: Line = ((f" {error}", "bad"),)
            self.query_one("#fault", Lines).show(lambda cells: wrap_spans(fault, cells))
