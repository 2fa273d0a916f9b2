"""Scores from anywhere: a CSV file with a line for each score of a persona under a method.

Columns `method` and `persona_id`; `split` (val or test; test if left out), `seed`, `task_type` and `dialogue_id` where
there are such; every other column is a metric. An empty cell of a metric says that it is undefined there. Or, as in a
report's own scores.csv, columns `metric` and `value` with a line for each, and any others beside.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from lab.data.faults import Faults
from lab.errors import LabError
from lab.metrics.paired import Runs
from lab.safe import safe

SPLITS = ("val", "test")
_NEEDED = ("method", "persona_id")
_KNOWN = (*_NEEDED, "split", "seed", "task_type", "dialogue_id")
_LONG = ("metric", "value")  # a line for each metric
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SMALLEST, _LARGEST = 1e-100, 1e100  # of a number: sums of squares stay finite, and squares above 0
_LONGEST = 200  # characters of a name
_EXCEL = ["sep=", ""]  # as the first line, which Excel reads and hides
_CELL = 100_000  # characters


DialogueScores = Mapping[int, Mapping[str, Mapping[str, float]]]
"""Seed → persona → dialogue → score."""


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of the file."""

    line: int
    method: str
    persona_id: str
    split: str
    seed: int
    task_type: str  # "": all, or not said
    dialogue_id: str  # "": over all of the persona's dialogues
    values: Mapping[str, float]  # metric → value, where it is defined


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """A file that holds what it should."""

    file: Path
    metrics: tuple[str, ...]
    rows: tuple[ScoreLine, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def task_types(self) -> tuple[str, ...]:
        """By name."""
        return tuple(sorted({row.task_type for row in self.rows if row.task_type}))

    def has(self, split: str) -> bool:
        """Whether there are scores of this split."""
        return any(row.split == split for row in self.rows)

    def runs(self, metric: str, split: str, task_type: str = "") -> dict[str, Runs]:
        """Method → seed → persona → score, the mean of its lines; of one task type, or over all.

        Over all are the lines without a task type, unless lines are of single dialogues or none is without one.
        """
        rows = [row for row in self.rows if row.split == split and metric in row.values]
        if task_type:
            rows = [row for row in rows if row.task_type == task_type]
        elif not any(row.dialogue_id for row in rows):
            rows = [row for row in rows if not row.task_type] or rows
        found: dict[str, dict[int, dict[str, list[float]]]] = {}
        for row in rows:
            scores = found.setdefault(row.method, {}).setdefault(row.seed, {})
            scores.setdefault(row.persona_id, []).append(row.values[metric])
        return {
            method: {seed: {one: fmean(values) for one, values in run.items()} for seed, run in runs.items()}
            for method, runs in found.items()
        }

    def dialogues(self, metric: str, split: str) -> dict[str, DialogueScores]:
        """Method → its scores of single dialogues, the means of their lines; empty where lines are of none."""
        found: dict[str, dict[int, dict[str, dict[str, list[float]]]]] = {}
        for row in self.rows:
            if row.split == split and row.dialogue_id and metric in row.values:
                personas = found.setdefault(row.method, {}).setdefault(row.seed, {})
                lines = personas.setdefault(row.persona_id, {}).setdefault(row.dialogue_id, [])
                lines.append(row.values[metric])  # several where one dialogue has several task types
        return {
            method: {
                seed: {
                    persona: {name: fmean(values) for name, values in dialogues.items()}
                    for persona, dialogues in personas.items()
                }
                for seed, personas in seeds.items()
            }
            for method, seeds in found.items()
        }


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
    _check_whole(file, rows, faults)
    faults.raise_if_any()
    _check_alike(file, rows, faults)
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
    return text


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
        for line, cells in self._cells:
            if len(cells) != len(self._columns):
                self._fault(line, f"it has {len(cells)} cells, but there are {len(self._columns)} columns")
                continue
            row = self._row(line, dict(zip(self._columns, cells, strict=True)))
            if row is None:
                continue
            metric = cells[self._columns.index("metric")] if self._long else ""
            of = (row.method, row.persona_id, row.split, row.seed, row.task_type, row.dialogue_id, metric)
            if of in first:
                whose = f"persona '{row.persona_id}' under '{row.method}'"
                self._fault(line, f"{whose} is there already, in line {first[of]}; keep one of them")
            first.setdefault(of, line)
            self._know(row)
            yield row
        if not first and not self._faults:
            self._fault(1, "there are no scores below the names of the columns")
        elif self._long and not self._faults and (not self.metrics or self._wanted not in (None, *self.metrics)):
            self._fault(1, f"there is no metric '{self._wanted or ''}'; it has {', '.join(self.metrics) or 'none'}")

    def _know(self, row: ScoreLine) -> None:
        """The metrics of a file that has a line for each stand in its lines."""
        self.metrics += tuple(name for name in row.values if name not in self.metrics)

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
        told = {cells["metric"]: cells["value"]} if self._long else {name: cells[name] for name in self.metrics}
        values = {name: self._number(line, name, cell) for name, cell in told.items() if cell}
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

    def _check_name(self, line: int, column: str, name: str) -> None:
        """Names that are not alike have to print unlike each other."""
        if len(name) > _LONGEST:
            self._fault(line, f"{column} has {len(name)} characters; {_LONGEST} are the most")
        elif safe(name) != name or "\n" in name:
            self._fault(line, f"{column} '{safe(name)}' holds a character that does not show; take it out")

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


def _check_alike(file: Path, rows: Sequence[ScoreLine], faults: Faults) -> None:
    """A persona's mean is over the same lines under all methods: an easier one more would be taken for a gain."""
    for split in SPLITS:
        own = [row for row in rows if row.split == split]
        if any(row.dialogue_id for row in own):
            _check_dialogues(file, own, faults)
            _check_same(file, "dialogue", own, faults)
        elif all(row.task_type for row in own):  # else the lines over all are what is compared
            _check_same(file, "task type", own, faults)


def _check_dialogues(file: Path, rows: Sequence[ScoreLine], faults: Faults) -> None:
    """A mean over dialogues among them would count as one more of them."""
    for row in rows:
        if not row.dialogue_id:
            says = f"it has no dialogue_id, but other {row.split} lines have"
            faults.add(file, row.line, f"{says}; give every {row.split} line one, or none")


def _check_same(file: Path, kind: str, rows: Sequence[ScoreLine], faults: Faults) -> None:
    """Every dialogue or task type (of one split) that a persona has under one method, it has under all."""
    first: dict[tuple[str, str], dict[str, int]] = {}  # (persona, its dialogue or task type) → method → line
    for row in rows:
        name = row.dialogue_id if kind == "dialogue" else row.task_type
        first.setdefault((row.persona_id, name), {}).setdefault(row.method, row.line)
    methods = dict.fromkeys(row.method for row in rows)
    for (persona, name), lines in first.items():
        for method in methods:
            if method not in lines:
                says = f"{kind} '{name}' of persona '{persona}' has {rows[0].split} scores here, but none under"
                faults.add(file, min(lines.values()), f"{says} '{method}'; add them, or leave the {kind} out")


def _check_whole(file: Path, rows: Iterable[ScoreLine], faults: Faults) -> None:
    """Comparisons are paired: what one persona has under one method, it has under all."""
    first: dict[str, dict[str, dict[str, int]]] = {}  # split → method → persona → line
    for row in rows:
        first.setdefault(row.split, {}).setdefault(row.method, {}).setdefault(row.persona_id, row.line)
    if "test" not in first:
        faults.add(file, 1, "all scores are of val; what is found on val has to be judged on test: add its scores")
        return
    for split, methods in first.items():
        if len(methods) < 2:
            (name,) = methods
            faults.add(file, 1, f"'{name}' is the only method with {split} scores; a comparison needs two")
        everybody = {persona: line for personas in reversed(methods.values()) for persona, line in personas.items()}
        for name, personas in methods.items():
            for persona in sorted(everybody.keys() - personas.keys()):
                says = f"persona '{persona}' has {split} scores here, but none under '{name}'"
                faults.add(file, everybody[persona], f"{says}; add them, or leave the persona out")
