"""The lab's own chat format: `personas.jsonl` and `dialogues.jsonl`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lab.data.faults import Faults
from lab.data.formats.jsonl import given, read, write
from lab.data.formats.messages import Clock, read_applied, read_messages
from lab.data.formats.record import Record
from lab.data.types import Dataset, Dialogue, Message, Persona

PERSONAS = "personas.jsonl"
DIALOGUES = "dialogues.jsonl"
_PERSONA = ("persona_id", "description", "name", "preferences", "routines")
_DIALOGUE = ("dialogue_id", "persona_id", "started_at", "context", "messages", "task_type", "applied_routines")
_MESSAGE = ("role", "content", "actions")
ROLES = ("user", "assistant", "system", "tool")

Known = dict[str, tuple[int, Persona]]
"""Persona id → (line, persona), in file order."""


def read_chat(folder: Path) -> Dataset:
    """Read a folder in the chat format; raises `DataError` with every fault of both files."""
    faults = Faults()
    personas = _read_personas(folder / PERSONAS, faults)
    # A persona whose own line is at fault is not unknown as well: one fault is enough.
    dialogues = _read_dialogues(folder / DIALOGUES, personas, not faults, faults)
    if not faults:
        _check_silent(folder / PERSONAS, personas, dialogues, faults)
    faults.raise_if_any()
    return Dataset(tuple(persona for _, persona in personas.values()), tuple(dialogues))


def read_personas(folder: Path) -> tuple[Persona, ...]:
    """The personas of a folder in the chat format alone, which takes a fraction of the time; raises `DataError`."""
    faults = Faults()
    personas = _read_personas(folder / PERSONAS, faults)
    faults.raise_if_any()
    return tuple(persona for _, persona in personas.values())


def unknown_keys(folder: Path) -> Counter[str]:
    """Keys of a folder's sound files that `read_chat` does not read, and how often they stand there."""
    faults = Faults()
    found = Counter[str]()
    for record in read(folder / PERSONAS, faults):
        found.update(key for key in record.data if key not in _PERSONA)
    for record in read(folder / DIALOGUES, faults):
        found.update(key for key in record.data if key not in _DIALOGUE)
        for message in record.list_of("messages"):
            found.update(f"messages.{key}" for key in message.data if key not in _MESSAGE)
    return found


def _read_personas(path: Path, faults: Faults) -> Known:
    known: Known = {}
    for record in read(path, faults):
        if not record.ok:
            continue
        persona = _read_persona(record)
        first, _ = known.setdefault(persona.persona_id, (record.line, persona))
        if record.ok and first != record.line:
            record.fault(f"persona_id {persona.persona_id!r} is taken by line {first}; every persona needs its own")
    return known


def _read_persona(record: Record) -> Persona:
    persona_id = record.identity("persona_id")
    description = record.text("description")
    preferences = record.maybe("preferences", dict)
    record.free("preferences")
    return Persona(persona_id, description, record.maybe_text("name"), preferences, _read_routines(record))


def _read_routines(record: Record) -> tuple[dict[str, Any], ...] | None:
    if record.data.get("routines") is None:
        return None
    record.free("routines")
    return tuple(routine.data for routine in record.list_of("routines"))


def _read_dialogues(path: Path, personas: Known, all_known: bool, faults: Faults) -> list[Dialogue]:
    taken: dict[str, int] = {}
    clock = Clock()
    dialogues: list[Dialogue] = []
    for record in read(path, faults):
        dialogue = _read_dialogue(record, personas) if record.ok else None
        if dialogue is None:
            continue
        if all_known and dialogue.persona_id not in personas:
            record.fault(f"persona_id {dialogue.persona_id!r} is not in {PERSONAS}; add the persona or mend the id")
        first = taken.setdefault(dialogue.dialogue_id, record.line)
        if first != record.line:
            record.fault(f"dialogue_id {dialogue.dialogue_id!r} is taken by line {first}; every dialogue needs its own")
        clock.check(record, dialogue.persona_id, dialogue.started_at)
        dialogues.append(dialogue)
    return dialogues


def _read_dialogue(record: Record, personas: Known) -> Dialogue | None:
    dialogue_id = record.identity("dialogue_id")
    persona_id = record.identity("persona_id")
    started_at = record.moment("started_at")
    context = record.want("context", dict)
    record.free("context")
    messages = read_messages(record, "content", ROLES)
    task_type = record.maybe_name("task_type")
    _, persona = personas.get(persona_id, (0, None))
    routines = persona.routines if persona else None
    applied = read_applied(record, None if routines is None else len(routines))
    if not record.ok or started_at is None or context is None:
        return None
    return Dialogue(dialogue_id, persona_id, started_at, context, messages, task_type, applied)


def _check_silent(path: Path, personas: Known, dialogues: list[Dialogue], faults: Faults) -> None:
    heard = {dialogue.persona_id for dialogue in dialogues}
    for persona_id, (line, _) in personas.items():
        if persona_id not in heard:
            faults.add(path, line, f"persona_id {persona_id!r} has no dialogue; add one or take the persona out")


def write_chat(dataset: Dataset, folder: Path) -> None:
    """Write both files into an existing folder; what `read_chat` reads back is equal."""
    write(folder / PERSONAS, map(persona_record, dataset.personas))
    write(folder / DIALOGUES, map(dialogue_record, dataset.dialogues))


def persona_record(persona: Persona) -> dict[str, Any]:
    """A persona as a line of the format."""
    optional = {"name": persona.name, "preferences": persona.preferences, "routines": persona.routines}
    return {"persona_id": persona.persona_id, "description": persona.description} | given(optional)


def dialogue_record(dialogue: Dialogue) -> dict[str, Any]:
    """A dialogue as a line of the format."""
    record = {
        "dialogue_id": dialogue.dialogue_id,
        "persona_id": dialogue.persona_id,
        "started_at": dialogue.started_at.isoformat(),
        "context": dialogue.context,
        "messages": [_message_record(message) for message in dialogue.messages],
    }
    return record | given({"task_type": dialogue.task_type, "applied_routines": dialogue.applied_routines})


def _message_record(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.content} | given({"actions": message.actions})
