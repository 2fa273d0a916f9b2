"""The line to type a filter in, and below it what may be typed, or what is wrong with what was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from lab.safe import one_line
from lab.tui.filter import completed, present_field
from lab.tui.text import Line, Span, fit_line
from lab.tui.widgets.field import Field
from lab.tui.widgets.lines import Lines

Offer = Callable[[str], Counter[str]]
"""Field → its values in the table, and how many rows have each."""

_MOST_VALUES = 20
_GRAMMAR: Line = (
    (" words  ", "dim"), ("a|b", "accent"), (" either  ", "dim"), ("!a", "accent"), (" not  ", "dim"),
    ('"a b"', "accent"), ("  ", ""), ("/regex/", "accent"), ("  ", ""),
)  # fmt: skip


class FilterLine(Vertical):
    """Out of sight until it is opened. What is typed narrows at once; enter keeps it."""

    DEFAULT_CSS = """
    FilterLine { height: 2; display: none; }
    """

    class Typed(Message):
        """Other words are in the line."""

    class Kept(Message):
        """The line is left, its words in force."""

    class Left(Message):
        """The line is left, and nothing shall be narrowed."""

    def __init__(self, names: Sequence[str], offer: Offer) -> None:
        super().__init__()
        self._names = names
        self._offer = offer
        self._fault = ""

    def compose(self) -> ComposeResult:
        """The line, and the hint below it."""
        completing = _Completing(self._names, self._offer)
        yield _Box(placeholder="filter", id="filter", select_on_focus=False, suggester=completing)
        yield Lines(id="filter-hint", classes="rule")

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    @property
    def value(self) -> str:
        """What is typed."""
        return self._input.value

    def open(self) -> None:
        """Type here."""
        self.display = True
        self._input.focus()
        self._hint()

    def clear(self) -> None:
        """Empty and out of sight."""
        self._input.value = ""
        self.display = False

    def tell(self, fault: str) -> None:
        """Say what is wrong with what was typed; "": nothing."""
        if fault != self._fault:
            self._fault = fault
            self._hint()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed())
        self._hint()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self.post_message(self.Kept())

    def _hint(self) -> None:
        line = self._hint_line()
        self.query_one("#filter-hint", Lines).show(lambda cells: [fit_line(line, cells)])

    def _hint_line(self) -> Line:
        if self._fault:
            return ((f" {one_line(self._fault)}", "bad"), ("  all rows are shown", "dim"))
        field = present_field(self.value, self._names)
        if field is None:
            names: list[Span] = [(f"{name}: ", "accent") for name in self._names]
            return (*_GRAMMAR, *names)
        name, start = field
        counted = Counter({value: n for value, n in self._offer(name).items() if start in value.lower()})
        found: list[Span] = [(f" {name}  ", "dim")]
        for value, n in counted.most_common(_MOST_VALUES):
            found += [(one_line(value), "accent"), (f" {n:,}  ", "dim")]
        return tuple(found) if counted else ((f" no {name} has this", "warn"),)


class _Box(Field):
    """The line itself, with its keys at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep", id="filter.keep"),
        Binding("escape", "leave", "show all", key_display="esc", id="filter.leave"),
    ]

    def action_leave(self) -> None:
        """Narrow to nothing."""
        self.post_message(FilterLine.Left())


class _Completing(Suggester):
    """Names of fields and their values, as they are typed; → takes what is offered."""

    def __init__(self, names: Sequence[str], offer: Offer) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._names = names
        self._offer = offer

    async def get_suggestion(self, value: str) -> str | None:
        field = present_field(value, self._names)
        offered = [one for one, _ in self._offer(field[0]).most_common()] if field else []
        return completed(value, self._names, offered)
