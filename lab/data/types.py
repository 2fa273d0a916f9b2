"""Personas, dialogues and data sets as plain frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

Role = Literal["user", "assistant", "system", "tool"]
Value = str | int | float | bool
Actions = Mapping[str, Mapping[str, Value]]
"""Device → parameter → value, as in ``{"ac": {"temperature": 22}}``."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `actions` are the device settings an assistant message makes, where they are known."""

    role: Role
    content: str
    actions: Actions | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of one persona.

    `started_at` carries a time zone. `applied_routines` are positions in the persona's routines; it is None
    where the data do not say, and empty for a spontaneous dialogue.
    """

    dialogue_id: str
    persona_id: str
    started_at: datetime
    context: dict[str, Any]
    messages: tuple[Message, ...]
    task_type: str | None = None
    applied_routines: tuple[int, ...] | None = None

    @property
    def turns(self) -> int:
        """How many assistant turns the dialogue has."""
        return sum(message.role == "assistant" for message in self.messages)


@dataclass(frozen=True, slots=True)
class Persona:
    """One user: who they are and, where known, what they like and the routines they keep."""

    persona_id: str
    description: str = ""
    name: str | None = None
    preferences: Mapping[str, Any] | None = None
    routines: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Personas and their dialogues; a persona's dialogues stand in the order of their time."""

    personas: tuple[Persona, ...]
    dialogues: tuple[Dialogue, ...]
    _of: dict[str, tuple[Dialogue, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grouped: dict[str, list[Dialogue]] = {persona.persona_id: [] for persona in self.personas}
        for dialogue in self.dialogues:
            grouped.setdefault(dialogue.persona_id, []).append(dialogue)
        object.__setattr__(self, "_of", {key: tuple(found) for key, found in grouped.items()})

    def of(self, persona_id: str) -> tuple[Dialogue, ...]:
        """The dialogues of one persona, oldest first; empty for a persona that is not here."""
        return self._of.get(persona_id, ())

    def take(self, n_personas: int, dialogues_per_persona: int | None = None) -> Dataset:
        """The first personas, each with its oldest dialogues: a smaller data set for a quick look."""
        personas = self.personas[:n_personas]
        kept = {d.dialogue_id for p in personas for d in self.of(p.persona_id)[:dialogues_per_persona]}
        return Dataset(personas, tuple(d for d in self.dialogues if d.dialogue_id in kept))


def digest(dataset: Dataset) -> str:
    """SHA-256 (hex) of the data set's content, the same for every format it was read from."""
    sha = hashlib.sha256()
    for record in _records(dataset):
        sha.update(orjson.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
    return sha.hexdigest()


def _records(dataset: Dataset) -> Iterator[list[Any]]:
    """Every field of every persona and dialogue, in one canonical shape: times in UTC, no optional keys."""
    for p in dataset.personas:
        yield ["persona", p.persona_id, p.description, p.name, p.preferences, p.routines]
    for d in dataset.dialogues:
        messages = [[m.role, m.content, m.actions] for m in d.messages]
        started_at = d.started_at.astimezone(UTC).isoformat()
        yield ["dialogue", d.dialogue_id, d.persona_id, started_at, d.context, messages]
        yield ["labels", d.task_type, d.applied_routines]
