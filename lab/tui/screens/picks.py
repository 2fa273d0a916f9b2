"""What people preferred in a study's blind rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from lab.errors import LabError
from lab.safe import one_line
from lab.tui.format import counted, percent
from lab.tui.text import Line, fit, wrap_spans
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.db.picks import PickRow
    from lab.db.queries import StudyRow
    from lab.metrics.preference import Preference

_METHOD_CELLS = 22


class PicksScreen(ModalScreen[None]):
    """The preference table."""

    CSS_PATH = "picks.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,v,enter", "dismiss", "close", id="picks.close")]

    def __init__(self, study: StudyRow) -> None:
        super().__init__()
        self._study = study

    def compose(self) -> ComposeResult:
        """The table, which is read first."""
        yield Lines(id="picks")

    def on_mount(self) -> None:
        """Read it."""
        lines = self.query_one(Lines)
        lines.border_title = "picks of blind rounds"
        lines.border_subtitle = "esc closes"
        self.read()

    @work
    async def read(self) -> None:
        """Count the picks."""
        try:
            found, rounds = await asyncio.to_thread(_read, self._study)
        except Exception as error:
            fault = str(LabError.of(error))
            self.query_one(Lines).show(lambda cells: wrap_spans([(fault, "bad")], cells))
        else:
            self.query_one(Lines).show(lambda cells: preference_lines(self._study.name, found, rounds, cells))


def preference_lines(study: str, found: Sequence[Preference], rounds: Sequence[PickRow], cells: int) -> list[Line]:
    """Wins, ties and losses of each method, with the share of its decided rounds that it won."""
    if not rounds:
        told = f" nothing was picked in {one_line(study)} yet: take two methods or three with m, press b and ask."
        return [(), *wrap_spans([(told, "")], cells)]
    people = len({one.persona_id for one in rounds})
    name = max(min(_METHOD_CELLS, cells - 46), 8)
    head = f" {'method':<{name}} wins ties losses  win rate  95%        chance strength"
    lines: list[Line] = [
        ((f" {counted(len(rounds), 'blind round')} with {counted(people, 'persona')}", "dim"),),
        (),
        ((head, "head"),),
    ]
    lines += [_line(one, name) for one in found]
    told = " win rate: of the decided rounds; the interval is Wilson's. chance: of one who picks at random."
    if any(one.strength is not None for one in found):
        told += " strength: share of picks if all stood side by side (Bradley-Terry)."
    return [*lines, (), *wrap_spans([(told, "dim")], cells)]


def _line(one: Preference, name: int) -> Line:
    interval = f"{percent(one.interval.low):>4}…{percent(one.interval.high):<4}" if one.interval else " " * 9
    return (
        (f" {fit(one_line(one.method), name)}", "strong"),
        (f" {one.wins:>4}", "good"),
        (f" {one.ties:>4}", "dim"),
        (f" {one.losses:>6}", "bad"),
        (f"  {percent(one.rate):>8}", ""),
        (f"  {interval}", "dim"),
        (f"  {percent(one.chance):>6}", "dim"),
        (f" {percent(one.strength) if one.strength is not None else '':>8}", "second"),
    )


def _read(study: StudyRow) -> tuple[list[Preference], list[PickRow]]:
    from lab.tui.feeds import chat

    return chat.preference(study)
