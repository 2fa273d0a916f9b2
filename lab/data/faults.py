"""Every fault of a data set, collected and told together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

SHOWN = 20
"""Faults told in full; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one line of one file, with how to mend it."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class DataError(LabError):
    """A data set with faults: the first of them in full, and how many more there are."""

    def __init__(self, faults: tuple[Fault, ...], more: int) -> None:
        self.faults = faults
        self.more = more
        lines = [str(fault) for fault in faults]
        if more:
            lines.append(f"and {more} more")
        super().__init__("\n".join(lines))


class Faults:
    """Collects faults while files are read, keeping a bounded number of them."""

    def __init__(self) -> None:
        self._kept: list[Fault] = []
        self._count = 0

    def add(self, file: Path, line: int, text: str) -> None:
        """Note one fault."""
        self._count += 1
        if len(self._kept) < SHOWN:
            self._kept.append(Fault(file, line, text))

    def __bool__(self) -> bool:
        return self._count > 0

    def raise_if_any(self) -> None:
        """Raise them all together as one `DataError`."""
        if self._count:
            raise DataError(tuple(self._kept), self._count - len(self._kept))
