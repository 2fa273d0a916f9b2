"""A list to choose from, with a search line."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from lab.safe import one_line
from lab.tui.widgets.field import Field
from lab.tui.widgets.table import Column, Table

Row = TypeVar("Row")


class Picker(ModalScreen["Row | None"], Generic[Row]):
    """Type to search, arrows to move, enter to choose, esc to leave all as it is."""

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "leave", id="picker.leave"),
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("pageup", "move(-10)", "ten up", show=False),
        Binding("pagedown", "move(10)", "ten down", show=False),
    ]

    def __init__(
        self,
        title: str,
        columns: Sequence[Column[Row]],
        rows: Sequence[Row],
        key: Callable[[Row], Hashable],
        words: Callable[[Row], str],
        present: Hashable = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._columns = columns
        self._all = rows
        self._key = key
        self._words = words
        self._present = present

    def compose(self) -> ComposeResult:
        """Search line above the list."""
        with Vertical(id="frame") as frame:
            frame.border_title = Content(one_line(self._title))  # a text would be read as markup
            frame.border_subtitle = "enter choose · esc leave"
            yield Field(placeholder="search", id="search")
            yield Table(self._columns, self._key, id="choices")

    def on_mount(self) -> None:
        """All rows, the present one under the cursor."""
        table = self.query_one(Table)
        table.can_focus = False
        table.fill(self._all)
        table.select(self._present)
        self.query_one(Input).focus()

    @on(Input.Changed)
    def search(self, event: Input.Changed) -> None:
        """Only rows that have every word."""
        words = event.value.lower().split()
        found = [row for row in self._all if all(word in self._words(row).lower() for word in words)]
        self.query_one(Table).fill(found)

    def action_move(self, rows: int) -> None:
        """Move in the list while the keys go to the search line."""
        self.query_one(Table).action_move(rows)

    @on(Input.Submitted)
    @on(Table.Chosen)
    def choose(self) -> None:
        """Take the row under the cursor."""
        row: Row | None = self.query_one(Table).row
        if row is not None:
            self.dismiss(row)
