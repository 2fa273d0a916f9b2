"""The results of a study, from the table of methods down to the words of one turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lab.db.queries import StudyRow, manifest_of
from lab.db.scores import evaluations
from lab.methods.spec import catalog
from lab.metrics.actions import Action, parse_actions
from lab.report.people import people
from lab.report.predictions import Prediction, read_predictions
from lab.report.results import REFERENCE, Results, persona_scores, results
from lab.store.artifacts import artifacts

_SCREEN = "Results screen"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the screen shows: a study's table, or one method's personas, or one persona's dialogues."""

    study: StudyRow | None
    split: str
    method: str = ""
    persona: str = ""


@dataclass(frozen=True, slots=True)
class PersonaResult:
    """One persona under one method, against unified."""

    persona_id: str
    name: str
    description: str
    score: float
    unified: float | None

    @property
    def difference(self) -> float | None:
        """How much better than unified."""
        return None if self.unified is None else self.score - self.unified


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method answered in one turn."""

    method: str
    text: str
    similarity: float
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant turn: what came before it, the reference and the methods' answers."""

    dialogue_id: str
    number: int  # 1 for the first that the assistant answers
    task_type: str
    context: dict[str, object]
    said: tuple[tuple[str, str], ...]  # (role, text) since the assistant's turn before
    reference: str
    actions: frozenset[Action]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What there is to show at the level that is wanted."""

    wanted: Wanted
    table: Results | None = None
    lowest: dict[str, float] = field(default_factory=dict)  # method → its worst persona's score
    about: dict[str, str] = field(default_factory=dict)  # method → what it is
    personas: list[PersonaResult] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


@dataclass
class ResultsFeed:
    """Computes anew only when another evaluation has succeeded."""

    _of: tuple[object, ...] = ()
    _view: ResultsView | None = None
    _scores_of: tuple[object, ...] = ()
    _scores: dict[str, dict[str, float]] = field(default_factory=dict)  # method → persona → score

    def read(self, wanted: Wanted) -> ResultsView:
        """The present view; the same object as before if nothing changed."""
        study = wanted.study
        if study is None:
            return ResultsView(wanted)
        of = (study.id, tuple(sorted(study.counts.items())), wanted.split)
        if of != self._scores_of:
            self._scores, self._scores_of = persona_scores(study, wanted.split, by=_SCREEN), of
        level = (*of, wanted.method, wanted.persona)
        if self._view is None or level != self._of:
            self._view, self._of = _view(study, wanted, self._scores), level
        return self._view


def _view(study: StudyRow, wanted: Wanted, scores: dict[str, dict[str, float]]) -> ResultsView:
    if wanted.persona:
        return ResultsView(wanted, turns=_turns(study, wanted))
    if wanted.method:
        return ResultsView(wanted, personas=_personas(study, wanted.method, scores))
    own = study.spec.get("method", {})
    about = {name: method.about for name, method in catalog().items()}
    about |= {name: method.get("about", "") for name, method in own.items()}
    lowest = {method: min(values.values()) for method, values in scores.items()}
    return ResultsView(wanted, results(study, wanted.split, by=_SCREEN), lowest, about)


def _personas(study: StudyRow, method: str, scores: dict[str, dict[str, float]]) -> list[PersonaResult]:
    """The personas, those that gain most first."""
    unified = scores.get(REFERENCE, {}) if method != REFERENCE else {}
    known = {person.persona_id: person for person in people(study)}
    rows = [
        PersonaResult(
            key,
            known[key].name if key in known else "",
            known[key].description if key in known else "",
            score,
            unified.get(key),
        )
        for key, score in scores.get(method, {}).items()
    ]
    return sorted(rows, key=lambda row: row.score if row.difference is None else row.difference, reverse=True)


def _turns(study: StudyRow, wanted: Wanted) -> list[Turn]:
    """Every turn of the persona; unified's answer stands beside that of another method."""
    folders = evaluations(study.id, wanted.split)
    methods = [method for method in dict.fromkeys((REFERENCE, wanted.method)) if method in folders]
    there = artifacts()
    here = {method: there.fetched(folders[method], manifest_of(folders[method])) for method in methods}
    read = {method: read_predictions(folder, wanted.persona) for method, folder in here.items()}
    beside = {(row.dialogue_id, row.turn): row for row in read.get(REFERENCE, []) if wanted.method != REFERENCE}
    return [_turn(row, wanted.method, beside.get((row.dialogue_id, row.turn))) for row in read.get(wanted.method, [])]


def _turn(row: Prediction, method: str, unified: Prediction | None) -> Turn:
    answers = [_answer(REFERENCE, unified)] if unified is not None else []
    return Turn(
        row.dialogue_id,
        1 + sum(message.get("role") == "assistant" for message in row.history),
        row.task_type,
        row.context,
        tuple(_since_last_answer(row.history)),
        row.reference,
        parse_actions(row.reference),
        (*answers, _answer(method, row)),
    )


def _answer(method: str, row: Prediction) -> Answer:
    return Answer(method, row.prediction, row.similarity, parse_actions(row.prediction))


def _since_last_answer(history: Iterable[dict[str, str]]) -> Iterator[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for message in history:
        role, content = message.get("role", ""), message.get("content", "")
        said = [] if role == "assistant" else [*said, (role, content)]
    yield from said
