"""Choose the curves that are drawn over each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from lab.safe import one_line
from lab.tui.format import loss
from lab.tui.text import Line
from lab.tui.widgets.field import Field
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.chart import Choice, Curve

MOST = 8  # curves: more cannot be told apart


class OverlayScreen(ModalScreen["tuple[Curve, ...] | None"]):
    """Space marks, `/` searches, enter takes what is marked, esc leaves all as it was."""

    CSS_PATH = "overlay.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="overlay.leave"),
        Binding("space", "mark", "mark", id="overlay.mark"),
        Binding("slash", "search", "search", id="overlay.search"),
        Binding("c", "clear", "unmark all", id="overlay.clear"),
    ]

    def __init__(self, choices: Sequence[Choice], shown: Sequence[Curve]) -> None:
        super().__init__()
        self._all = choices
        self._marked = list(shown)

    def compose(self) -> ComposeResult:
        """The list below the line to search with."""
        columns: list[Column[Choice]] = [
            Column(" ", 1, lambda one, _: (("●" if one.curve in self._marked else "○", "accent"),), stays=True),
            Column("job", 5, lambda one, _: ((str(one.curve.job), ""),), right=True),
            Column("method", 18, lambda one, _: ((one_line(one.curve.whose), "strong"),), grows=True),
            Column("group", 12, lambda one, _: ((one_line(one.curve.group) or "mean", "dim"),), grows=True),
            Column("curve", 5, lambda one, _: ((one.curve.series, ""),)),
            Column("now", 7, lambda one, _: ((loss(one.loss), ""),), right=True, rank=2),
            Column("study", 14, _studies, rank=1, grows=True),
        ]
        with Vertical(id="frame"):
            yield Field(placeholder="words of job, method, group, study", id="search", select_on_focus=False)
            yield Table(columns, lambda one: one.curve, id="choices")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.query_one(Table).focus()
        self._fill()

    def _fill(self) -> None:
        words = self.query_one(Input).value.lower().split()
        found = [one for one in self._all if all(word in _words(one) for word in words)]
        self.query_one(Table).fill(found)
        frame = self.query_one("#frame")
        frame.border_title = f"curves: {len(self._marked)} of at most {MOST}"
        frame.border_subtitle = "space mark · / search · c unmark all · enter take · esc leave"

    @on(Input.Changed)
    def search(self) -> None:
        """Only curves that have every word."""
        self._fill()

    def action_search(self) -> None:
        """Type words."""
        self.query_one(Input).focus()

    def action_mark(self) -> None:
        """Take the curve under the cursor in, or out."""
        choice: Choice | None = self.query_one(Table).row
        if choice is None:
            return
        if choice.curve in self._marked:
            self._marked.remove(choice.curve)
        elif len(self._marked) < MOST:
            self._marked.append(choice.curve)
        self._fill()

    def action_clear(self) -> None:
        """Begin with none."""
        self._marked.clear()
        self._fill()

    def action_leave(self) -> None:
        """Out of the line first."""
        if self.query_one(Input).has_focus:
            self.query_one(Table).focus()
        else:
            self.dismiss()

    @on(Input.Submitted)
    def back_to_list(self) -> None:
        """The search stays in force."""
        self.query_one(Table).focus()

    @on(Table.Chosen)
    def take(self) -> None:
        """Draw what is marked; where nothing is, the curve under the cursor."""
        choice: Choice | None = self.query_one(Table).row
        self.dismiss(tuple(self._marked) or ((choice.curve,) if choice else None))


def _studies(choice: Choice, _: int) -> Line:
    return ((one_line(", ".join(choice.studies)), "dim"),)


def _words(choice: Choice) -> str:
    return f"{choice.curve.name} {' '.join(choice.studies)}".lower()
