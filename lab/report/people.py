"""The personas of a study, and the context that a conversation with one takes place in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.data.load import load
from lab.data.types import Dataset, Persona
from lab.db.queries import StudyRow, get_dataset
from lab.errors import LabError
from lab.store.artifacts import artifacts


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
    dataset = _dataset(str(folder))
    return [_person(persona, dataset) for persona in dataset.personas[: study.spec["personas"]]]


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
def _dataset(folder: str) -> Dataset:
    return load(folder)


def _person(persona: Persona, dataset: Dataset) -> Person:
    dialogues = dataset.of(persona.persona_id)
    context = dict(dialogues[-1].context) if dialogues else {}
    return Person(persona.persona_id, persona.name or "", persona.description, context)
