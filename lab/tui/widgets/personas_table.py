"""The personas under one method: who gains against unified, and who loses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import difference_bar, fraction, signed
from lab.tui.text import Line
from lab.tui.widgets.spread import axis, strip
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.results import PersonaResult


class PersonasTable(Table["PersonaResult"]):
    """One row a persona, those that gain most first."""

    def __init__(self) -> None:
        super().__init__((), key=lambda persona: persona.persona_id, id="personas")

    def tell(self, personas: Sequence[PersonaResult]) -> None:
        """Show these personas, their bars on one scale."""
        self.refit(_columns(_reach(personas)))
        self.fill(personas)


def tally(personas: Sequence[PersonaResult], cells: int) -> list[Line]:
    """How many gain and how many lose, and how their differences from unified are spread around 0."""
    gains = [row.gain for row in personas if row.gain is not None]
    if not gains:
        return [(("the reference: nobody gains or loses against it", "dim"),)]
    up, down = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    reach = _reach(personas)
    counts: Line = (
        (f"{up} gain", "good"),
        (f" · {len(gains) - up - down} the same · ", "dim"),
        (f"{down} lose", "bad"),
        ("   difference of each from unified:", "dim"),
    )
    scale, wide = (-reach, reach), cells - 1 + cells % 2
    differences = [row.difference for row in personas if row.difference is not None]
    half, blocks = wide // 2, strip(differences, scale, wide)
    worse, better = ("bad", "good") if personas[0].higher_is_better else ("good", "bad")
    line: Line = (
        (blocks[:half], worse),
        (blocks[half] if blocks[half] != " " else "│", "dim"),
        (blocks[half + 1 :], better),
    )
    return [counts, line, axis(scale, wide)] if reach else [counts]


def _reach(personas: Sequence[PersonaResult]) -> float:
    return max((abs(row.difference) for row in personas if row.difference is not None), default=0.0)


def _columns(reach: float) -> list[Column[PersonaResult]]:
    def difference(row: PersonaResult, _: int) -> Line:
        tone = "" if not row.gain else "good" if row.gain > 0 else "bad"
        return ((signed(row.difference), tone),)

    def bar(row: PersonaResult, cells: int) -> Line:
        return () if row.gain is None else difference_bar(row.gain, reach, cells)

    return [
        Column("persona", 14, lambda row, _: ((one_line(row.persona_id), "strong"),), stays=True,
               sort=lambda row: row.persona_id),
        Column("name", 10, lambda row, _: ((one_line(row.name), ""),), rank=2, sort=lambda row: row.name),
        Column("score", 5, lambda row, _: ((fraction(row.score), "strong"),), right=True, sort=lambda row: row.score),
        Column("unified", 7, lambda row, _: ((fraction(row.unified), "dim"),), right=True,
               sort=lambda row: row.unified),
        Column("Δ", 6, difference, right=True, sort=lambda row: row.difference),
        Column("    worse │ better", 21, bar, rank=1),
        Column("description", 12, lambda row, _: ((one_line(row.description), "dim"),), rank=3, grows=True),
    ]  # fmt: skip
