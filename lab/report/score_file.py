"""Scores from anywhere: a CSV file with a line for each score of a persona under a method.

Columns `method` and `persona_id`; `split` (val or test; test if left out), `seed`, `task_type` and `dialogue_id` where
there are such; every other column is a metric. An empty cell of a metric says that it is undefined there. Or, as in a
report's own scores.csv, columns `metric` and `value` with a line for each, and any others beside. What one run, a
method under a seed, has a line of, every run has: comparisons are paired (`score_checks`).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.data.faults import Faults
from lab.errors import LabError
from lab.report.score_checks import check_lines
from lab.report.score_table import SPLITS, ScoreLine, ScoreTable
from lab.safe import hidden

_NEEDED = ("method", "persona_id")
_KNOWN = (*_NEEDED, "split", "seed", "task_type", "dialogue_id")
_LONG = ("metric", "value")  # a line for each metric
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SMALLEST, _LARGEST = 1e-100, 1e100  # of a number: sums of squares stay finite, and squares above 0
_LONGEST = 200  # characters of a name
_EXCEL = ["sep=", ""]  # as the first line, which Excel reads and hides
_CELL = 100_000  # characters


def read_scores(file: Path, metric: str | None = None) -> ScoreTable:
    """Read a file of scores, of one metric if named.

    Raises:
        LabError: the file cannot be read.
        DataError: it is not what it should be: every fault with its line.
    """
    faults = Faults()
    text = _text(file, faults)
    faults.raise_if_any()
    lines = _Lines(file, text, faults, metric)
    rows = tuple(lines.rows())
    faults.raise_if_any()
    check_lines(file, rows, faults)
    faults.raise_if_any()
    return ScoreTable(file, lines.metrics, rows)


def _text(file: Path, faults: Faults) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise LabError(f"{file}: this file of scores cannot be read ({error.strerror}); check the path.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        faults.add(file, line, "this is not UTF-8 text; save the table as CSV in UTF-8")
        return ""
    if not text.strip():
        faults.add(file, 1, "the file is empty; its first line names the columns, as in method,persona_id,my_metric")
    return unicodedata.normalize("NFC", text)  # é is one character to some programs and two to others


class _Lines:
    """The lines of a file as they are checked one by one; `metrics` are known when all of them were."""

    def __init__(self, file: Path, text: str, faults: Faults, metric: str | None) -> None:
        self._file, self._faults, self._count = file, faults, 0
        self._cells = self._parsed(text)
        self._columns = next(self._cells, (1, []))[1]
        if self._columns == _EXCEL:
            self._columns = next(self._cells, (2, []))[1]
        self._wanted = metric
        self._long = set(_LONG) <= set(self._columns)
        self._check_columns()
        self.metrics = () if self._long or faults else self._metrics(metric)

    def _parsed(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of every line that is not empty."""
        csv.field_size_limit(_CELL)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._faults.add(self._file, reader.line_num, f"this is not CSV ({error}); mend its quotes")
                return
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]

    def _check_columns(self) -> None:
        columns = self._columns
        if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
            self._fault(1, "its columns are not divided by commas; save it as CSV with commas and decimal points")
            return
        for name in dict.fromkeys(columns):
            if not name:
                self._fault(1, "a column has no name; give it one or take it out")
            elif columns.count(name) > 1:
                self._fault(1, f"there are {columns.count(name)} columns '{name}'; keep one")
            else:
                self._check_name(1, "the name of a column", name)
        for name in _NEEDED:
            if name not in columns:
                self._fault(1, f"there is no column '{name}'; it has {', '.join(columns)}")

    def _metrics(self, wanted: str | None) -> tuple[str, ...]:
        """The columns that hold metrics."""
        columns = self._columns
        metrics = tuple(name for name in columns if name not in _KNOWN)
        if wanted is not None and wanted not in metrics:
            self._fault(1, f"there is no metric '{wanted}'; it has {', '.join(metrics) or 'none'}")
        elif not metrics:
            self._fault(1, f"there is no metric: no column beside {', '.join(columns)}; add one")
        return (wanted,) if wanted is not None else metrics

    def rows(self) -> Iterator[ScoreLine]:
        """What the lines say; those at fault are noted and left out."""
        if self._faults:
            return
        first: dict[tuple[object, ...], int] = {}
        named: dict[str, None] = {}  # the metrics that lines are of
        for line, cells in self._cells:
            if len(cells) != len(self._columns):
                self._fault(line, f"it has {len(cells)} cells, but there are {len(self._columns)} columns")
                continue
            by_name = dict(zip(self._columns, cells, strict=True))
            row = self._row(line, by_name)
            if row is None:
                continue
            of = (row.run, row.split, row.item, by_name["metric"] if self._long else "")
            if of in first:
                whose = f"persona '{row.persona_id}' under '{row.method}'"
                self._fault(line, f"{whose} is there already, in line {first[of]}; keep one of them")
            first.setdefault(of, line)
            # The metrics of a file that has a line for each stand in its lines.
            self.metrics += tuple(name for name in row.values if name not in self.metrics)
            if self._long:
                named[by_name["metric"]] = None
            yield row
        if self._faults:
            return
        if not first:
            self._fault(1, "there are no scores below the names of the columns")
        elif not self.metrics:
            self._fault(1, f"there is no metric '{self._wanted or ''}'; it has {', '.join(named)}")

    def _row(self, line: int, cells: Mapping[str, str]) -> ScoreLine | None:
        before = self._count
        for name in (*_NEEDED, *(("metric",) if self._long else ())):
            if not cells[name]:
                self._fault(line, f"{name} is empty")
        for name in (*_NEEDED, "metric" if self._long else "", "task_type", "dialogue_id"):
            self._check_name(line, name, cells.get(name, ""))
        split = cells.get("split") or "test"
        if split not in SPLITS:
            self._fault(line, f"split is '{split}'; write val or test")
        seed = cells.get("seed") or "0"
        if not seed.isascii() or not seed.isdigit() or len(seed) > 18:
            self._fault(line, f"seed is '{seed}'; write a whole number")
        values = {name: self._number(line, name, cell) for name, cell in self._told(cells).items() if cell}
        if self._count > before:
            return None
        kind = cells.get("task_type", "")
        return ScoreLine(
            line,
            cells["method"],
            cells["persona_id"],
            split,
            int(seed),
            "" if kind == "all" else kind,
            cells.get("dialogue_id", ""),
            values,
        )

    def _told(self, cells: Mapping[str, str]) -> dict[str, str]:
        """Metric → what the line says of it; of metrics that nobody asked for nothing, whatever they hold."""
        if not self._long:
            return {name: cells[name] for name in self.metrics}
        return {cells["metric"]: cells["value"]} if self._wanted in (None, cells["metric"]) else {}

    def _check_name(self, line: int, column: str, name: str) -> None:
        """Names that are not alike have to print unlike each other."""
        if len(name) > _LONGEST:
            self._fault(line, f"{column} has {len(name)} characters; {_LONGEST} are the most")
        elif found := hidden(name):
            self._fault(line, f"{column} holds U+{ord(found):04X}, which does not show; take it out")

    def _number(self, line: int, column: str, cell: str) -> float:
        hint = "leave the cell empty where it is undefined, or name another metric with --metric"
        if not _NUMBER.fullmatch(cell):
            self._fault(line, f"{column} is '{cell[:40]}', which is no number; {hint}")
            return 0.0
        value = float(cell)
        if value and not _SMALLEST <= abs(value) <= _LARGEST:
            size = "large" if abs(value) > _LARGEST else "small"
            self._fault(line, f"{column} is '{cell[:40]}', which is too {size}; {hint}")
            return 0.0
        return value

    def _fault(self, line: int, text: str) -> None:
        self._count += 1
        self._faults.add(self._file, line, text)
