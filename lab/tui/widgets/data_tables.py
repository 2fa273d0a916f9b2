"""The tables of data sets and of the personas in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import digest
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.data.types import Persona
    from lab.tui.feeds.data import DataLine, Opened


class DatasetsTable(Table["DataLine"]):
    """A line for each data set."""

    def __init__(self) -> None:
        super().__init__(
            [
                Column("data set", 22, lambda one, _: ((one_line(one.name), "strong"),), stays=True, grows=True),
                Column("personas", 9, lambda one, _: ((f"{one.n_personas:,}", ""),), right=True),
                Column("dialogues", 10, lambda one, _: ((f"{one.n_dialogues:,}", ""),), right=True),
                Column("studies", 8, lambda one, _: ((f"{one.studies or '–'}", "dim"),), right=True, rank=1),
                Column("digest", 12, lambda one, _: ((digest(one.digest, 12) or "–", "dim"),), rank=2),
                Column("kept", 20, _kept, rank=3),
            ],
            key=lambda one: one.folder,
            id="datasets",
        )


def _kept(one: DataLine, cells: int) -> Line:
    del cells
    return (("under its name" if one.kept else "by its studies", "dim"),)


class DataPersonasTable(Table["Persona"]):
    """A line for each persona of a data set, with its dialogues in each part."""

    def __init__(self) -> None:
        self.opened: Opened | None = None
        super().__init__(
            [
                Column("persona", 14, lambda one, _: ((one_line(one.persona_id), "strong"),), stays=True),
                Column("name", 16, lambda one, _: ((one_line(one.name or ""), ""),), rank=2),
                Column("train", 6, lambda one, _: self._count(one, 0), right=True),
                Column("val", 5, lambda one, _: self._count(one, 1), right=True),
                Column("test", 5, lambda one, _: self._count(one, 2), right=True),
                Column("description", 30, lambda one, _: ((one_line(one.description), "dim"),), grows=True, rank=1),
            ],
            key=lambda one: one.persona_id,
            id="data-personas",
        )

    def tell(self, opened: Opened) -> None:
        """The personas of this data set."""
        self.opened = opened
        self.fill(opened.data.personas)

    def _count(self, one: Persona, part: int) -> Line:
        return ((f"{self.opened.count(one)[part]}" if self.opened else "", ""),)
