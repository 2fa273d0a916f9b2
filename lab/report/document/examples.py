"""Example predictions by a rule that leaves no choice: where a method gains most, where least, and the median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.metrics.actions import Action, parse_actions
from lab.report.document.blocks import Answer, Example
from lab.report.document.words import signed
from lab.report.marks import marked, shown
from lab.report.people import Person, written
from lab.report.predictions import Prediction

RULE = (
    "Taken by rule: of all turns that both answered, ordered by how much more similar the method's answer is, the "
    "first, the middle and the last. They show extremes, not what is usual."
)
_HISTORY = 3  # messages before the turn
_LONGEST = 600  # characters of a text


def examples(
    method: str,
    predictions: Sequence[Prediction],
    other: str,
    others: Sequence[Prediction],
    people: Mapping[str, Person],
    source: str,
) -> list[Example]:
    """Best, median and worst turn of a method against another one; of fewer than three turns those there are.

    `source` names the method's predictions file. Equal differences stand in the order of dialogue and turn.
    """
    known = {_key(row): row for row in others}
    pairs = [(row, known[_key(row)]) for row in predictions if _key(row) in known]
    pairs.sort(key=lambda pair: (pair[1].similarity - pair[0].similarity, _key(pair[0])))
    if not pairs:
        return []
    last = len(pairs) - 1
    places = {0: "Best", len(pairs) // 2: "Median", last: "Worst"} if last > 1 else {0: "Best", last: "Worst"}
    places = places if last else {0: "Only turn"}
    lines = {_key(row): number for number, row in enumerate(predictions, start=1)}
    return [
        _example(
            f"{words}: {signed(mine.similarity - theirs.similarity)} against {other}",
            {method: mine, other: theirs},
            people.get(mine.persona_id),
            f"{source}, line {lines[_key(mine)]}",
        )
        for place, words in sorted(places.items())
        for mine, theirs in [pairs[place]]
    ]


def _key(row: Prediction) -> tuple[str, str, int]:
    return row.persona_id, row.dialogue_id, row.turn


def _example(title: str, answers: Mapping[str, Prediction], person: Person | None, source: str) -> Example:
    row = next(iter(answers.values()))
    who = ", ".join(filter(None, (row.persona_id, person.name if person else "")))
    about = f"{who}: {person.description}" if person and person.description else who
    said = [(str(one.get("role", "")), _cut(str(one.get("content", "")))) for one in row.history[-_HISTORY:]]
    return Example(
        title,
        _cut(about),
        _cut(written(row.context)),
        tuple(said),
        _cut(row.reference),
        tuple(_answer(method, one) for method, one in answers.items()),
        f"{source}; dialogue {row.dialogue_id}, message {row.turn}",
    )


def _answer(method: str, row: Prediction) -> Answer:
    said, wanted = parse_actions(row.prediction), parse_actions(row.reference)
    return Answer(
        method,
        row.similarity,
        tuple(piece for piece in marked(_cut(row.prediction), row.reference) if piece[0]),
        _settings(said - wanted),
        _settings(wanted - said),
    )


def _settings(actions: frozenset[Action]) -> tuple[str, ...]:
    return tuple(
        f"{one.device} {one.parameter.replace('_', ' ')} {shown(one.value)}" for one in sorted(actions, key=str)
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
