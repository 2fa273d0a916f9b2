"""The personas of a study, and the context that a conversation with one takes place in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.data.devices import CONTEXT
from lab.data.load import load
from lab.data.split import Part, split_by_time
from lab.data.types import Dataset, Dialogue, Persona
from lab.db.queries import StudyRow, get_dataset
from lab.errors import LabError
from lab.store.artifacts import artifacts

_MANY = 12  # values of a context's key: more are no choice


@dataclass(frozen=True, slots=True)
class Person:
    """One persona of a study."""

    persona_id: str
    name: str
    description: str
    context: dict[str, Any] = field(default_factory=dict)  # of the latest dialogue

    @property
    def words(self) -> str:
        """What a search looks in."""
        return f"{self.persona_id} {self.name} {self.description}"


def people(study: StudyRow) -> list[Person]:
    """The personas of a study, in the order of the data."""
    folder = artifacts().fetched(get_dataset(study.dataset).folder)
    dataset = dataset_in(str(folder))
    return [_person(persona, dataset) for persona in dataset.personas[: study.spec["personas"]]]


def known_contexts(study: StudyRow) -> dict[str, tuple[str, ...]]:
    """Every key that a dialogue of the study's data has in its context, with the values it takes there.

    Values of a smart home stand in their order, others by how often they are seen; of very many the first ones.
    """
    folder = artifacts().fetched(get_dataset(study.dataset).folder)
    return {key: values[:_MANY] for key, values in _contexts(str(folder)).items()}


@lru_cache(maxsize=2)
def _contexts(folder: str) -> dict[str, tuple[str, ...]]:
    seen: dict[str, Counter[str]] = {}
    for dialogue in dataset_in(folder).dialogues:
        for key, value in dialogue.context.items():
            seen.setdefault(key, Counter())[str(value)] += 1
    return {key: _in_order(key, values) for key, values in seen.items()}


def _in_order(key: str, values: Counter[str]) -> tuple[str, ...]:
    usual = [value for value in CONTEXT.get(key, ()) if value in values]
    return (*usual, *(value for value, _ in values.most_common() if value not in usual))


def held_out(study: StudyRow, persona: str, part: Part) -> list[Dialogue]:
    """The persona's dialogues of one part of the study's split, oldest first."""
    folder = artifacts().fetched(get_dataset(study.dataset).folder)
    dataset = dataset_in(str(folder))
    who = tuple(one for one in dataset.personas if one.persona_id == persona)
    own = Dataset(who, dataset.of(persona)[: study.spec["dialogues"]])
    wanted = set(split_by_time(own, tuple(study.spec["split"])).personas[persona].part(part))
    return [dialogue for dialogue in own.dialogues if dialogue.dialogue_id in wanted]


def written(context: Mapping[str, Any]) -> str:
    """`time_of_day=evening, weather=rainy`."""
    return ", ".join(f"{key}={value}" for key, value in context.items())


def parsed(text: str) -> dict[str, str]:
    """The context as it is written by `written`.

    Raises:
        LabError: a part is not `key=value`.
    """
    context: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise LabError(f"'{part}' is not key=value; write weather=rainy, and commas between parts")
        context[key.strip()] = value.strip()
    return context


@lru_cache(maxsize=2)
def dataset_in(folder: str) -> Dataset:
    """The data set in a folder; the last two that were asked for are kept."""
    return load(folder)


def _person(persona: Persona, dataset: Dataset) -> Person:
    dialogues = dataset.of(persona.persona_id)
    context = dict(dialogues[-1].context) if dialogues else {}
    return Person(persona.persona_id, persona.name or "", persona.description, context)
