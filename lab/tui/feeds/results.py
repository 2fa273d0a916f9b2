"""The results of a study, from the table of methods down to the words of one turn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lab.db.queries import StudyRow
from lab.db.scores import evaluated_splits
from lab.metrics.aggregate import METRICS
from lab.metrics.paired import over_seeds, side_by_side
from lab.report.looks import TEST, looks_at, would_count
from lab.report.results import MAIN_METRIC, REFERENCE, Results
from lab.report.study_data import personas_of
from lab.tui.feeds.board import Board, Boards, read_boards
from lab.tui.feeds.turns import Turn, turns_of

_SCREEN = "Results screen"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the screen shows: a study's board, or one method's personas, or one persona's dialogues.

    Without a `split` it is val or, where a study is not evaluated on val, the first that it is evaluated on. Test is
    read only where that counts as no new look, or where `agreed`.
    """

    study: StudyRow | None
    split: str = ""
    method: str = ""
    persona: str = ""
    metric: str = MAIN_METRIC
    beside: str = REFERENCE  # the method whose answers stand beside those of `method`
    agreed: bool = True


@dataclass(frozen=True, slots=True)
class PersonaResult:
    """One persona under one method, against unified."""

    persona_id: str
    name: str
    description: str
    score: float
    unified: float | None
    higher_is_better: bool = True

    @property
    def difference(self) -> float | None:
        """How far from unified."""
        return None if self.unified is None else self.score - self.unified

    @property
    def gain(self) -> float | None:
        """How much better than unified."""
        return self.difference if self.difference is None or self.higher_is_better else -self.difference


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What there is to show at the level that is wanted."""

    wanted: Wanted  # with the split that is shown
    splits: tuple[str, ...] = ()  # that the study evaluates, those that may choose first
    untold: int = 0  # methods that are evaluated on test only, where another split is shown
    asks: str = ""  # to be answered before test is read; nothing of it has been
    table: Results | None = None
    board: Board | None = None
    personas: list[PersonaResult] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


@dataclass
class ResultsFeed:
    """Computes anew only when another evaluation has succeeded."""

    _of: tuple[object, ...] = ()
    _splits: dict[str, int] = field(default_factory=dict)  # → methods evaluated on it
    _boards: dict[str, Boards] = field(default_factory=dict)  # by split
    _level: tuple[object, ...] = ()
    _view: ResultsView | None = None

    def read(self, wanted: Wanted) -> ResultsView:
        """The present view; the same object as before if nothing changed."""
        study = wanted.study
        if study is None:
            return ResultsView(wanted)
        self._start(study)
        wanted = replace(wanted, split=wanted.split if wanted.split in self._splits else next(iter(self._splits), TEST))
        if wanted.split not in self._boards and not wanted.agreed and would_count(study, wanted.split):
            return ResultsView(wanted, tuple(self._splits), asks=_question(study))
        level = (*self._of, replace(wanted, study=None, agreed=True))
        if self._view is None or level != self._level:
            self._view, self._level = self._read(study, wanted), level
        return self._view

    def _start(self, study: StudyRow) -> None:
        """Forget what was read of another study, or before other jobs ended."""
        of = (study.id, study.n_jobs, tuple(sorted(study.counts.items())))
        if of != self._of:
            self._of, self._boards = of, {}
            planned = evaluated_splits(study.id)
            self._splits = {split: planned[split] for split in ("val", "train", TEST) if split in planned}

    def _read(self, study: StudyRow, wanted: Wanted) -> ResultsView:
        if wanted.split not in self._boards:
            self._boards[wanted.split] = read_boards(study, wanted.split, by=_SCREEN)
        boards = self._boards[wanted.split]
        board = boards.board(wanted.metric)
        untold = max(0, self._splits.get(TEST, 0) - self._splits.get(wanted.split, 0))
        view = ResultsView(wanted, tuple(self._splits), untold, table=boards.table, board=board)
        if wanted.persona:
            asked = (wanted.beside, wanted.method)
            return replace(view, turns=turns_of(study, wanted.split, wanted.persona, asked))
        if wanted.method:
            return replace(view, personas=_personas(study, wanted.method, boards, board))
        return view


def _question(study: StudyRow) -> str:
    """What is asked before test is looked at."""
    looks = looks_at(study)
    if not looks.own:
        return "Open the test scores? Nobody has read them; this is counted, and told in every report"
    return f"Open the test scores again? They were read {looks.times}, and the study has changed: this is counted too"


def _personas(study: StudyRow, method: str, boards: Boards, board: Board) -> list[PersonaResult]:
    """The personas, those that gain most first; each against unified in the seeds that both have."""
    higher = METRICS[board.metric].higher_is_better is not False
    runs = boards.judged(board.metric).runs
    other = runs.get(REFERENCE, {}) if method != REFERENCE else {}
    own, unified = side_by_side(runs.get(method, {}), other) if other else (over_seeds(runs.get(method, {})), {})
    known = {persona.persona_id: persona for persona in personas_of(study)}
    rows = [
        PersonaResult(
            key,
            (known[key].name or "") if key in known else "",
            known[key].description if key in known else "",
            score,
            unified.get(key),
            higher,
        )
        for key, score in own.items()
    ]
    return sorted(rows, key=_merit, reverse=True)


def _merit(row: PersonaResult) -> float:
    if row.gain is not None:
        return row.gain
    return row.score if row.higher_is_better else -row.score
