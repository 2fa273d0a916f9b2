"""The personas under one method: who gains against unified, and who loses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import difference_bar, fraction, signed
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.tui.feeds.results import PersonaResult


class PersonasTable(Table["PersonaResult"]):
    """One row a persona, those that gain most first."""

    def __init__(self) -> None:
        super().__init__((), key=lambda persona: persona.persona_id, id="personas")

    def tell(self, personas: Sequence[PersonaResult]) -> None:
        """Show these personas, their bars on one scale."""
        reach = max((abs(row.difference) for row in personas if row.difference is not None), default=0.0)
        self.refit(_columns(reach))
        self.fill(personas)


def _columns(reach: float) -> list[Column[PersonaResult]]:
    def difference(row: PersonaResult, _: int) -> Line:
        tone = "" if not row.difference else "good" if row.difference > 0 else "bad"
        return ((signed(row.difference), tone),)

    def bar(row: PersonaResult, cells: int) -> Line:
        return () if row.difference is None else difference_bar(row.difference, reach, cells)

    return [
        Column("persona", 14, lambda row, _: ((one_line(row.persona_id), "strong"),), stays=True),
        Column("name", 10, lambda row, _: ((one_line(row.name), ""),), rank=2),
        Column("score", 5, lambda row, _: ((fraction(row.score), "strong"),), right=True),
        Column("unified", 7, lambda row, _: ((fraction(row.unified), "dim"),), right=True),
        Column("Δ", 6, difference, right=True),
        Column("    worse │ better", 21, bar, rank=1),
        Column("description", 12, lambda row, _: ((one_line(row.description), "dim"),), rank=3, grows=True),
    ]
