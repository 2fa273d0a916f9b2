"""The data sets of the lab: which there are, what each is like, and what its personas said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from lab.db.engine import reading
from lab.db.tables import Dataset, Study
from lab.errors import LabError
from lab.settings import load_settings
from lab.tui.feeds.later import Later
from lab.tui.feeds.rest import Rest

if TYPE_CHECKING:
    from lab.data.measure import Measures
    from lab.data.split import Split
    from lab.data.types import Dataset as DialogueData
    from lab.data.types import Dialogue, Persona

_LEAST_SECONDS = 1.0
_BLOCK = 1 << 20  # bytes read at once while lines are counted


@dataclass(frozen=True, slots=True)
class DataLine:
    """One data set."""

    name: str
    folder: str  # absolute
    n_personas: int
    n_dialogues: int
    digest: str = ""  # "": not known before it is opened
    studies: int = 0  # that began with it
    kept: bool = False  # under its name, by an import


@dataclass(frozen=True, slots=True)
class Opened:
    """A data set that was read, split as a study splits it by default."""

    line: DataLine
    digest: str
    data: DialogueData
    split: Split | None  # None where a persona has too few dialogues
    faults: tuple[str, ...]  # why there is no split, and what leaks in it
    measures: Measures | None = None

    def dialogues(self, persona: str, part: str) -> Iterator[tuple[str, Dialogue]]:
        """(part, dialogue) of a persona, oldest first; of one part if named."""
        own = self.split.personas.get(persona) if self.split else None
        parts = {key: name for name in ("train", "val", "test") for key in (own.part(name) if own else ())}
        for dialogue in self.data.of(persona):
            found = parts.get(dialogue.dialogue_id, "–")
            if part in ("", found):
                yield found, dialogue

    def count(self, persona: Persona) -> tuple[int, int, int]:
        """Its dialogues in train, val and test."""
        own = self.split.personas.get(persona.persona_id) if self.split else None
        return (len(own.train), len(own.val), len(own.test)) if own else (0, 0, 0)


@dataclass(frozen=True, slots=True)
class DataView:
    """What there is to show."""

    lines: tuple[DataLine, ...] = ()
    opened: Opened | None = None
    measuring: bool = False  # what is open


@dataclass
class DataFeed:
    """Lists after a rest; keeps the one data set that is open."""

    monotonic: Callable[[], float] = time.monotonic
    _rest: Rest = field(init=False)
    _lines: tuple[DataLine, ...] = ()
    _opened: Opened | None = None
    _measures: Later[Measures] | None = None  # of the one that is open

    def __post_init__(self) -> None:
        self._rest = Rest(self.monotonic, least=_LEAST_SECONDS)

    def read(self, wanted: str | None, *, measured: bool = False) -> DataView:
        """The present view, with the data set in this folder open, and measured if it is to be."""
        if self._rest.over:
            with self._rest.after():
                self._lines = tuple(lines())
        line = next((one for one in self._lines if one.folder == wanted), None)
        if line is None:
            return DataView(self._lines)
        if self._opened is None or self._opened.line.folder != line.folder:
            self._opened, self._measures = open_data(line), None
        if measured and self._opened.measures is None and self._opened.split is not None:
            return self._measure(self._opened)
        self._measures = None  # whatever is being measured still is no longer wanted
        return DataView(self._lines, self._opened)

    def _measure(self, opened: Opened) -> DataView:
        """With its measures or, as they take seconds, without them for now.

        Raises:
            LabError: it cannot be measured.
        """
        if self._measures is None:
            self._measures = Later(lambda: _measures(opened))
        if self._measures.error:
            raise LabError(self._measures.error)
        if self._measures.value is not None:
            self._opened = replace(opened, measures=self._measures.value)
        return DataView(self._lines, self._opened, measuring=self._measures.value is None)

    def hurry(self) -> None:
        """List at once: something was just brought in."""
        self._rest.end()
        self._opened = self._measures = None


def lines() -> Iterator[DataLine]:
    """Those that were kept by name, then those that studies brought in from elsewhere."""
    root = load_settings().artifacts
    with reading() as session:
        used = select(Study.dataset, func.count()).group_by(Study.dataset)
        studies = dict(session.exec(used).all())
        rows = session.exec(select(Dataset).order_by(col(Dataset.created_at).desc())).all()
    known = {(row.name, row.n_personas, row.n_dialogues): row for row in rows}
    shown: set[str] = set()
    for folder in sorted((root / "data").iterdir()) if (root / "data").is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            n_personas, n_dialogues = _counted(folder)
            row = known.get((folder.name, n_personas, n_dialogues))
            digest = row.digest if row else ""
            shown.add(digest)
            yield DataLine(folder.name, str(folder), n_personas, n_dialogues, digest, studies.get(digest, 0), kept=True)
    for row in rows:
        if row.digest not in shown:
            folder = root / row.folder
            used_by = studies.get(row.digest, 0)
            yield DataLine(row.name, str(folder), row.n_personas, row.n_dialogues, row.digest, used_by)


def _counted(folder: Path) -> tuple[int, int]:
    """Personas and dialogues of a kept data set: a line each."""
    counts = []
    for name in ("personas.jsonl", "dialogues.jsonl"):
        file = folder / name
        counts.append(_newlines(file, file.stat().st_mtime_ns) if file.is_file() else 0)
    return counts[0], counts[1]


@lru_cache(maxsize=256)
def _newlines(file: Path, changed: int) -> int:
    del changed  # the file is counted again when it was written again
    with file.open("rb") as handle:
        return sum(block.count(b"\n") for block in iter(lambda: handle.read(_BLOCK), b""))


def open_data(line: DataLine) -> Opened:
    """Read a data set, split it by default and look for leaks.

    Raises:
        LabError: its files are not what they were when it was brought in.
    """
    from lab.data.load import load
    from lab.data.split import check_leakage, split_by_time
    from lab.data.types import digest

    data = load(line.folder)
    try:
        split = split_by_time(data)
    except LabError as error:
        return Opened(line, digest(data), data, None, (str(error),))
    return Opened(line, digest(data), data, split, tuple(check_leakage(data, split)))


def _measures(opened: Opened) -> Measures:
    from lab.data.measure import measure

    return measure(opened.data, opened.split)
