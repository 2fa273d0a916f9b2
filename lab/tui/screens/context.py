"""Edit the situation that a conversation takes place in: what is known of it, and anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.text import Line, Span, wrap_spans
from lab.tui.widgets.field import Field
from lab.tui.widgets.lines import Lines
from lab.tui.widgets.table import Column, Table


@dataclass(frozen=True)
class _Part:
    """One key of the context."""

    key: str
    value: Any  # None: it is left out
    known: tuple[str, ...]  # values that it takes in the data


class ContextScreen(ModalScreen["dict[str, Any] | None"]):
    """A line for each key: arrows choose known values, words are a value, `key=value` is any key; enter takes it."""

    CSS_PATH = "context.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "leave", id="context.leave"),
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        # Before the line that is written in, which has uses of its own for them.
        Binding("right", "cycle(1)", "known value", id="context.value", priority=True),
        Binding("left", "cycle(-1)", "known value before", show=False, priority=True),
        Binding("delete", "drop", "leave out", id="context.drop", priority=True),
    ]

    def __init__(self, context: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        keys = dict.fromkeys((*context, *known))
        self._parts = [_Part(key, context.get(key), known.get(key, ())) for key in keys]

    def compose(self) -> ComposeResult:
        """The keys, the line to write in, and what is wrong with it."""
        columns: list[Column[_Part]] = [
            Column("key", 16, lambda part, _: ((one_line(part.key), ""),), stays=True),
            Column("value", 16, _value, stays=True),
            Column("in the data", 20, _known, grows=True),
        ]
        with Vertical(id="frame") as frame:
            frame.border_title = "context"
            frame.border_subtitle = "↑↓ key · ←→ known value · del leave out · enter take · esc leave"
            yield Table(columns, lambda part: part.key, id="choices")
            yield Field(placeholder="another value, or key=value", id="value")
            yield Lines(id="fault")

    def on_mount(self) -> None:
        """The first key."""
        self._table.can_focus = False
        self._table.fill(self._parts)
        self.query_one(Input).focus()

    @property
    def _table(self) -> Table[_Part]:
        return self.query_one(Table)

    @property
    def _line(self) -> Input:
        return self.query_one(Input)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is written, the arrows move in it."""
        del parameters
        return action not in ("cycle", "drop") or not self._line.value

    def action_move(self, rows: int) -> None:
        """Another key."""
        self._table.action_move(rows)

    def action_cycle(self, by: int) -> None:
        """The next value that the data know; after the last, none."""
        part = self._table.row
        if part is None:
            return
        values = [None, *part.known]
        here = str(part.value) if part.value is not None else None
        place = values.index(here) if here in values else 0
        self._put(part.key, values[(place + by) % len(values)])

    def action_drop(self) -> None:
        """Leave the key out."""
        if self._table.row is not None:
            self._put(self._table.row.key, None)

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Put what is written in its place; if nothing is, take the context as it stands."""
        from lab.report.people import parsed

        words = event.value.strip()
        part = self._table.row
        if not words:
            self.dismiss({one.key: one.value for one in self._parts if one.value is not None})
            return
        try:
            if "=" not in words and part is not None:
                self._put(part.key, words)
            else:
                for key, value in parsed(words).items():
                    self._put(key, value)
        except LabError as error:
            self._say(str(error))
        else:
            self._line.value = ""
            self._say("")

    def _put(self, key: str, value: Any) -> None:
        known = {one.key: one for one in self._parts}
        part = _Part(key, value, known[key].known if key in known else ())
        self._parts = [part if one.key == key else one for one in self._parts]
        if key not in known:
            self._parts = [*self._parts, part]
        self._table.fill(self._parts)
        self._table.select(key)

    def _say(self, fault: str) -> None:
        line: Line = ((f" {fault}", "bad"),) if fault else ()
        self.query_one("#fault", Lines).show(lambda cells: wrap_spans(line, cells))


def _value(part: _Part, cells: int) -> Line:
    del cells
    return ((one_line(str(part.value)), "strong"),) if part.value is not None else (("–", "faint"),)


def _known(part: _Part, cells: int) -> Line:
    del cells
    spans: list[Span] = []
    for value in part.known:
        spans += [("  ", ""), (one_line(value), "accent" if value == str(part.value) else "dim")]
    return tuple(spans[1:])
