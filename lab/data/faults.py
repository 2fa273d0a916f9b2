"""Every fault of a data set, collected and told together."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import LabError
from lab.safe import sentence

SHOWN = 20
"""Kinds of faults told in full; the rest are counted."""
_LINES = 3  # told of the faults like the first of a kind
# What differs between two faults of a kind: quoted values, which may be cut off with dots, and numbers.
_VALUES = re.compile(r'"(?:[^"\\]|\\.)*?(?:"|\.\.\.)|\'(?:[^\'\\]|\\.)*\'|\d+')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one line of one file, with how to mend it, and the other lines that have it too."""

    file: Path
    line: int
    text: str
    more: int = 0  # faults like it in this file
    lines: tuple[int, ...] = ()  # where the first of those are

    def __str__(self) -> str:
        told = f"{self.file}:{self.line}: {self.text}"
        return f"{told} … and {self.more} more like it{self._where()}" if self.more else told

    def _where(self) -> str:
        if not self.lines:
            return ""
        lines = ", ".join([*map(str, self.lines), *(["…"] if self.more > len(self.lines) else [])])
        return f" (line{'s' if self.more > 1 else ''} {lines})"


class DataError(LabError):
    """A data set with faults: the first of each kind in full, and how many more there are."""

    def __init__(self, faults: tuple[Fault, ...], more: int) -> None:
        self.faults = faults
        self.more = more
        lines = [sentence(str(fault)) for fault in faults]  # a key or a file's name may hold line feeds
        if more:
            lines.append(f"and {more} more")
        super().__init__("\n".join(lines))

    def _told(self, text: str) -> str:
        return text  # its lines are sentences already


class Faults:
    """Collects faults while files are read, keeping one of each kind and a bounded number of kinds."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, str], Fault] = {}
        self._left_out = 0

    def add(self, file: Path, line: int, text: str) -> None:
        """Note one fault."""
        kind = (file, _VALUES.sub("", text))
        first = self._kept.get(kind)
        if first is not None:
            told = (first.line, *first.lines)
            lines = first.lines if line in told else (*first.lines, line)[:_LINES]
            self._kept[kind] = replace(first, more=first.more + 1, lines=lines)
        elif len(self._kept) < SHOWN:
            self._kept[kind] = Fault(file, line, text)
        else:
            self._left_out += 1

    def __bool__(self) -> bool:
        return bool(self._kept)

    def raise_if_any(self) -> None:
        """Raise them all together as one `DataError`."""
        if self._kept:
            raise DataError(tuple(self._kept.values()), self._left_out)
