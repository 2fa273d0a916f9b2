"""Which methods stand side by side in a chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from lab.safe import one_line
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.chat import Ready


class MethodsScreen(ModalScreen["list[str] | None"]):
    """Space adds a method to those that are shown, or takes one away, up to so many, in the order of their columns.

    Enter takes them; where nothing was marked, it takes the one under the cursor alone.
    """

    CSS_PATH = "columns.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "leave", id="columns.leave"),
        Binding("space", "mark", "mark", id="columns.mark"),
    ]

    def __init__(self, ready: Sequence[Ready], present: Sequence[str], most: int) -> None:
        super().__init__()
        self._ready, self._most = ready, most
        there = {one.method for one in ready}
        self._present = [method for method in present if method in there]
        self._marked = [*self._present]
        self._touched = False

    def compose(self) -> ComposeResult:
        """The methods, with the number of their column."""
        columns: list[Column[Ready]] = [
            Column("column", 6, self._place, stays=True),
            Column("method", 16, lambda one, _: ((one_line(one.method), "strong"),), stays=True),
            *([Column("seed", 4, _seed, right=True)] if any(one.seed is not None for one in self._ready) else []),
            Column("what it is", 30, lambda one, _: ((one_line(one.about), "dim"),), grows=True),
        ]
        with Vertical(id="frame") as frame:
            frame.border_title = f"methods, up to {self._most} side by side"
            frame.border_subtitle = "space add or take away · enter take · esc leave"
            yield Table(columns, lambda one: one.method, id="choices")

    def on_mount(self) -> None:
        """The cursor on the first that is shown now."""
        self._table.fill(self._ready)
        self._table.select(self._present[0] if self._present else None)
        self._table.focus()

    @property
    def _table(self) -> Table[Ready]:
        return self.query_one(Table)

    def _place(self, one: Ready, cells: int) -> Line:
        del cells
        return ((f"  {self._marked.index(one.method) + 1}", "accent"),) if one.method in self._marked else ()

    def action_mark(self) -> None:
        """Mark the method under the cursor, or unmark it; one too many takes the place of the last."""
        row = self._table.row
        if row is None:
            return
        self._touched = True
        if row.method in self._marked:
            self._marked.remove(row.method)
        else:
            self._marked = [*self._marked[: self._most - 1], row.method]
        self._table.refresh()

    @on(Table.Chosen)
    def take(self) -> None:
        """These it is."""
        row = self._table.row
        if row is not None:
            self.dismiss(self._marked if self._touched and self._marked else [row.method])


def _seed(one: Ready, cells: int) -> Line:
    """Whose weights answer: those of the lowest seed that is trained."""
    del cells
    return (("" if one.seed is None else str(one.seed), "dim"),)
