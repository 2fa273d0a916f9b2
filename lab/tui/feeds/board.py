"""One study on one split in one metric: every method with its interval, against unified, and what sets it apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.db.queries import StudyRow
from lab.db.scores import Evaluated, evaluated
from lab.methods.extend import stored
from lab.methods.method import Method
from lab.metrics.aggregate import METRICS
from lab.metrics.paired import Against, Runs, against, over_seeds, seeds_of
from lab.metrics.selection import Ceiling
from lab.metrics.statistics import Summary, summarise_many
from lab.report.assemble import ceiling_of
from lab.report.controls import is_control, weigh
from lab.report.criteria import criteria
from lab.report.evidence import ControlEvidence, Criterion, MethodEvidence
from lab.report.looks import Looks
from lab.report.results import MAIN_METRIC, REFERENCE, MethodResult, Results, runs_of, tabulated


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One method: on the metric of the board, on every other, and what it costs.

    `tried` is what its control tells of it or, of a control, what it tells of the method it belongs to.
    """

    evidence: MethodEvidence
    result: MethodResult
    scores: Mapping[str, float]  # persona → score on the metric of the board, averaged over seeds
    tried: ControlEvidence | None
    about: str

    @property
    def name(self) -> str:
        """The method."""
        return self.evidence.name


@dataclass(frozen=True, slots=True)
class Board:
    """The methods in the order of the study; the controls stand apart, and the ceiling is no method at all."""

    study: str
    split: str
    metric: str
    metrics: tuple[str, ...]  # that any method has
    seeds: tuple[int, ...]
    n_personas: int
    methods: tuple[BoardRow, ...]
    controls: tuple[BoardRow, ...]
    ceiling: Ceiling | None
    looks: Looks | None  # at test; None for another split
    note: str  # what has to be known to read it
    unfinished: str  # what has no scores

    @property
    def rows(self) -> tuple[BoardRow, ...]:
        """Methods, then controls."""
        return (*self.methods, *self.controls)

    def row(self, name: str) -> BoardRow | None:
        """One method or control."""
        return next((row for row in self.rows if row.name == name), None)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Every method on one metric."""

    runs: Mapping[str, Runs]
    summaries: Mapping[str, Summary]
    versus: Mapping[str, Against]


@dataclass
class Boards:
    """One study on one split: its scores are read once, whatever metrics they are shown in."""

    study: StudyRow
    table: Results
    _found: tuple[Evaluated, ...]
    _judged: dict[str, _Judged] = field(default_factory=dict)
    _boards: dict[str, Board] = field(default_factory=dict)

    def board(self, metric: str) -> Board:
        """The board in this metric or, where no method has it, in the first that one has."""
        if metric not in self._boards:
            self._boards[metric] = _board(self, metric)
        return self._boards[metric]

    def judged(self, metric: str) -> _Judged:
        """Every method on one metric."""
        if metric not in self._judged:
            self._judged[metric] = _judge(self.table, self._found, metric)
        return self._judged[metric]


def read_boards(study: StudyRow, split: str, *, by: str) -> Boards:
    """Read every score; `by` does, which is a look if they are of test."""
    found = tuple(evaluated(study.id, split))
    return Boards(study, tabulated(study, split, found, by=by), found)


def _board(boards: Boards, metric: str) -> Board:
    study, table = boards.study, boards.table
    metrics = tuple(name for name in METRICS if any(name in method.metrics for method in table.methods))
    metric = metric if metric in metrics else next(iter(metrics), MAIN_METRIC)
    declared = stored(study.spec).declared()
    judged, main = boards.judged(metric), boards.judged(MAIN_METRIC)
    tried = _tried(judged, declared, metric)
    rows = [
        BoardRow(
            _evidence(method, judged, main, declared),
            method,
            over_seeds(judged.runs[method.name]),
            tried.get(method.name),
            declared[method.name].about if method.name in declared else "",
        )
        for method in table.methods
        if method.name in judged.runs
    ]
    known = {name: one for name, one in judged.runs.items() if name in declared}
    return Board(
        study.name,
        table.split,
        metric,
        metrics,
        tuple(sorted({seed for one in judged.runs.values() for seed in one})),
        max((len(row.scores) for row in rows), default=0),
        tuple(row for row in rows if not row.evidence.is_control),
        tuple(row for row in rows if row.evidence.is_control),
        ceiling_of(known, declared, higher_is_better=_higher(metric)),
        table.looks,
        (table.note or "").removeprefix("note: "),
        table.unfinished.says if table.unfinished else "",
    )


def _higher(metric: str) -> bool:
    return METRICS[metric].higher_is_better is not False


def _judge(table: Results, found: tuple[Evaluated, ...], metric: str) -> _Judged:
    runs = runs_of(found, [method.name for method in table.methods], metric)
    higher = _higher(metric)
    summaries = summarise_many([(over_seeds(one), higher) for one in runs.values()])
    versus = against(runs, REFERENCE, higher_is_better=higher, ranks=False) if REFERENCE in runs else ()
    return _Judged(runs, dict(zip(runs, summaries, strict=True)), {one.method: one for one in versus})


def _evidence(method: MethodResult, judged: _Judged, main: _Judged, declared: Mapping[str, Method]) -> MethodEvidence:
    name = method.name
    return MethodEvidence(
        name=name,
        summary=judged.summaries[name],
        seeds=seeds_of(judged.runs[name]),
        versus=judged.versus.get(name),
        criteria=_criteria(name, main),
        is_control=name in declared and is_control(declared[name]),
        after_test=method.after_test,
    )


def _criteria(name: str, main: _Judged) -> tuple[Criterion, ...]:
    """The conditions of success are about similarity, whatever metric is shown."""
    return criteria(main.summaries[name], main.versus[name]) if name in main.versus else ()


def _tried(judged: _Judged, declared: Mapping[str, Method], metric: str) -> dict[str, ControlEvidence]:
    """Method, or control → what the one says of the other."""
    known = {name: one for name, one in judged.runs.items() if name in declared}
    versus = {name: one for name, one in judged.versus.items() if name in known}
    found: dict[str, ControlEvidence] = {}
    for one in weigh(known, declared, versus, REFERENCE, higher_is_better=_higher(metric), ranks=False):
        found[one.method] = one
        if one.control:
            found.setdefault(one.control, one)
    return found
