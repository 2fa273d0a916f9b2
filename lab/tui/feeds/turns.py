"""A persona's dialogues as they were evaluated: the reference beside what two methods answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.db.queries import StudyRow, manifest_of
from lab.db.scores import evaluations
from lab.metrics.actions import Action, parse_actions
from lab.report.predictions import Prediction, read_predictions
from lab.store.artifacts import artifacts


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

    @property
    def is_wrong(self) -> bool:
        """Whether the method that is read sets a device otherwise than the reference does."""
        return self.answers[-1].actions != self.actions


def turns_of(study: StudyRow, split: str, persona: str, methods: Sequence[str]) -> list[Turn]:
    """Every turn of the persona that the last of the methods answered, the others' answers before its own."""
    folders = evaluations(study.id, split)
    there = [method for method in dict.fromkeys(methods) if method in folders]
    if not there:
        return []
    store = artifacts()
    read = {
        method: read_predictions(store.fetched(folders[method], manifest_of(folders[method])), persona)
        for method in there
    }
    answered = {method: {(row.dialogue_id, row.turn): row for row in rows} for method, rows in read.items()}
    return [
        turn_of(row, {one: answered[one].get((row.dialogue_id, row.turn)) for one in there}) for row in read[there[-1]]
    ]


def turn_of(row: Prediction, answers: dict[str, Prediction | None]) -> Turn:
    """The turn that `row` is of, with these methods' answers, in this order."""
    return Turn(
        row.dialogue_id,
        1 + sum(message.get("role") == "assistant" for message in row.history),
        row.task_type,
        row.context,
        tuple(_since_last_answer(row.history)),
        row.reference,
        parse_actions(row.reference),
        tuple(
            Answer(method, one.prediction, one.similarity, parse_actions(one.prediction))
            for method, one in answers.items()
            if one is not None
        ),
    )


def _since_last_answer(history: Iterable[dict[str, str]]) -> Iterator[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for message in history:
        role, content = message.get("role", ""), message.get("content", "")
        said = [] if role == "assistant" else [*said, (role, content)]
    yield from said
