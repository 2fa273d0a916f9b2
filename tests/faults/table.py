"""The table that `make faults` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

_NUMBERS = ("injected", "kills", "jobs", "lost", "duplicated", "violations")


@dataclass
class Row:
    """One fault on one database."""

    fault: str
    database: str
    injected: int
    kills: int
    jobs: int
    seconds: float
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the last three columns are 0."""
        return not (self.lost or self.duplicated or self.violations)

    def numbers(self) -> list[int]:
        """The columns."""
        return [_count(getattr(self, name)) for name in _NUMBERS]


def _count(value: int | list[str]) -> int:
    return value if isinstance(value, int) else len(value)


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table, and below it a sentence for each thing that is wrong."""
    table = Table(show_footer=True)
    totals = [sum(column) for column in zip(*(row.numbers() for row in rows), strict=True)] or [0] * len(_NUMBERS)
    table.add_column("fault", footer="total")
    table.add_column("database")
    for name, total in zip(_NUMBERS, totals, strict=True):
        table.add_column(name, footer=str(total), justify="right")
    table.add_column("seconds", footer=f"{sum(row.seconds for row in rows):.0f}", justify="right")
    for row in rows:
        table.add_row(row.fault, row.database, *map(str, row.numbers()), f"{row.seconds:.0f}")
    console.print(table)
    for row in rows:
        for name in ("lost", "duplicated", "violations"):
            for sentence in getattr(row, name):
                console.print(f"{row.fault}, {row.database}, {name}: {sentence}", markup=False, highlight=False)


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same, for programs."""
    return [asdict(row) for row in rows]
