"""The personas of a study: cluster, and the method that serves each best on val."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import signed
from lab.tui.text import Line
from lab.tui.widgets.persona_map import letter, tone
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.personas import PersonRow


class PersonsTable(Table["PersonRow"]):
    """One row a persona."""

    def __init__(self) -> None:
        super().__init__(_COLUMNS, key=lambda row: row.persona_id, id="persons")


def _cluster(row: PersonRow, _: int) -> Line:
    return () if row.cluster is None else ((letter(row.cluster), tone(row.cluster)),)


def having(rows: Sequence[PersonRow], words: str) -> Sequence[PersonRow]:
    """The rows that have all of these words."""
    wanted = words.lower().split()
    return [row for row in rows if all(word in row.words for word in wanted)] if wanted else rows


def _gain(row: PersonRow, _: int) -> Line:
    return ((signed(row.gain) if row.gain is not None else "–", "dim"),)


_COLUMNS: list[Column[PersonRow]] = [
    Column("persona", 12, lambda row, _: ((one_line(row.persona_id), "strong"),), stays=True,
           sort=lambda row: row.persona_id),
    Column("name", 8, lambda row, _: ((one_line(row.name), ""),), rank=3, sort=lambda row: row.name),
    Column("in", 2, _cluster, rank=2, sort=lambda row: row.cluster),
    Column("best on val", 12, lambda row, _: ((one_line(row.best) or "–", ""),), grows=True, rank=1,
           sort=lambda row: row.best),
    Column("gain", 5, _gain, right=True, sort=lambda row: row.gain),
    Column("description", 40, lambda row, _: ((one_line(row.description), "dim"),), rank=5, grows=True),
]  # fmt: skip
