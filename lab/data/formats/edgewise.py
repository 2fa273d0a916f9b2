"""The EdgeWisePersona format: three line-aligned files, one user a line.

The published files hold texts, routines and sessions only. So that nothing is lost, the lab writes a few more
keys and reads them where they are there: `name`, `preferences` and `persona_id` of a character; `started_at`,
`task_type` and `dialogue_id` of a session; `actions` of an assistant message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lab.data.devices import CONTEXT, DEVICES, Domain, describe, fits
from lab.data.faults import Faults
from lab.data.formats.jsonl import given, read, write
from lab.data.formats.messages import Clock, read_applied, read_messages
from lab.data.formats.record import Record, show
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.errors import LabError

CHARACTERS = "characters.jsonl"
ROUTINES = "routines.jsonl"
SESSIONS = "sessions.jsonl"
FILES = (CHARACTERS, ROUTINES, SESSIONS)
ROLES = ("user", "assistant")

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
HOURS: Mapping[str, int] = {"morning": 8, "afternoon": 14, "evening": 19, "night": 22}


def persona_name(index: int) -> str:
    """The persona id of the user on line `index` + 1, for the format has none of its own."""
    return f"persona_{index:03d}"


def dialogue_name(persona_id: str, session_id: int) -> str:
    """The dialogue id of a session."""
    return f"{persona_id}-{session_id:03d}"


def read_edgewise(folder: Path) -> Dataset:
    """Read a folder in the EdgeWisePersona format; raises `DataError` with every fault of the three files."""
    faults = Faults()
    columns = [list(read(folder / name, faults)) for name in FILES]
    _check_aligned(folder, columns, faults)
    personas: list[Persona] = []
    dialogues: list[Dialogue] = []
    taken: dict[str, int] = {}
    taken_dialogues: dict[str, int] = {}
    for character, routines, sessions in zip(*columns, strict=False):
        persona = _read_persona(character, _read_routines(routines))
        first = taken.setdefault(persona.persona_id, character.line)
        if character.ok and first != character.line:
            character.fault(f"persona_id {persona.persona_id!r} is taken by line {first}; every persona needs its own")
        personas.append(persona)
        # Where the persona is at fault its dialogues' ids say nothing.
        dialogues += _read_sessions(sessions, persona, taken_dialogues if character.ok else {})
    faults.raise_if_any()
    return Dataset(tuple(personas), tuple(dialogues))


def _check_aligned(folder: Path, columns: list[list[Record]], faults: Faults) -> None:
    longest = max(len(column) for column in columns)
    for name, column in zip(FILES, columns, strict=True):
        if 0 < len(column) < longest:
            faults.add(
                folder / name,
                column[-1].line,
                f"the file ends after {len(column)} users, another one has {longest};"
                f" {', '.join(FILES)} need one line a user each",
            )


def _read_persona(record: Record, routines: tuple[dict[str, Any], ...]) -> Persona:
    if not record.ok:
        return Persona("")
    own_id = record.identity("persona_id") if "persona_id" in record.data else persona_name(record.line - 1)
    preferences = record.maybe("preferences", dict)
    record.free("preferences")
    return Persona(own_id, record.text("character"), record.maybe_text("name"), preferences, routines)


def _read_routines(record: Record) -> tuple[dict[str, Any], ...]:
    return tuple(_read_routine(one) for one in record.list_of("routines")) if record.ok else ()


def _read_routine(record: Record) -> dict[str, Any]:
    if not record.ok:
        return {}
    triggers = _read_triggers(record)
    actions = _read_settings(record)
    for key in record.data:
        record.free(key)
    return record.data | {"triggers": triggers, "actions": actions}


def _read_triggers(record: Record) -> dict[str, str]:
    """Context values that set a routine off; a null sets no condition and is left out."""
    found = {key: value for key, value in (record.want("triggers", dict) or {}).items() if value is not None}
    for key, value in found.items():
        _check_value(record, f"triggers.{key}", value, CONTEXT.get(key), CONTEXT)
    return found


def _read_settings(record: Record) -> dict[str, dict[str, Any]]:
    """The `actions` of a record; nulls are left out, and devices with nothing set."""
    settings: dict[str, dict[str, Any]] = {}
    for device, wanted in (record.want("actions", dict) or {}).items():
        domains = DEVICES.get(device)
        if domains is None:
            record.fault(f"actions holds the device {show(device)}; use {', '.join(DEVICES)}")
        elif wanted is not None:
            inner = record.inside(wanted, f"actions.{device}")
            kept = {name: value for name, value in inner.data.items() if value is not None}
            for name, value in kept.items():
                _check_value(inner, name, value, domains.get(name), domains)
            settings |= {device: kept} if kept else {}
    return settings


def _check_value(record: Record, what: str, value: Any, domain: Domain | None, known: Mapping[str, Any]) -> None:
    if domain is None:
        record.fault(f"{show(what)} is not known; use {', '.join(known)}")
    elif not fits(value, domain):
        record.fault(f"{what} is {show(value)}; it must be {describe(domain)}")


def _read_sessions(record: Record, persona: Persona, taken: dict[str, int]) -> list[Dialogue]:
    """One user's dialogues; `taken` remembers every id of the data set and its line."""
    if not record.ok:
        return []
    sessions = record.list_of("sessions")
    if not sessions and record.ok:
        record.fault("sessions is empty; give the user a session or take the user out of all three files")
    timed = {"started_at" in session.data for session in sessions if session.ok}
    if len(timed) > 1:
        record.fault("started_at is given for some sessions only; give it for all of the user's or for none")
        return []
    clock = Clock()
    dialogues: list[Dialogue] = []
    for session in sessions:
        before = dialogues[-1].started_at if dialogues else None
        dialogue = _read_session(session, persona, before) if session.ok else None
        if dialogue is None:
            continue
        if dialogue.dialogue_id in taken:
            first = taken[dialogue.dialogue_id]
            session.fault(f"session_id (dialogue {dialogue.dialogue_id!r}) is taken on line {first}; give it its own")
        taken[dialogue.dialogue_id] = session.line
        clock.check(session, persona.persona_id, dialogue.started_at)
        dialogues.append(dialogue)
    return dialogues


def _read_session(record: Record, persona: Persona, before: datetime | None) -> Dialogue | None:
    session_id = record.want("session_id", int) or 0
    own_id = record.identity("dialogue_id") if "dialogue_id" in record.data else None
    meta = _read_meta(record)
    messages = read_messages(record, "text", ROLES)
    task_type = record.maybe_name("task_type")
    applied = read_applied(record, len(persona.routines or ()))
    started_at = record.moment("started_at") if "started_at" in record.data else None
    if not record.ok:
        return None
    return Dialogue(
        own_id or dialogue_name(persona.persona_id, session_id),
        persona.persona_id,
        started_at or synthesise(before, meta),
        meta,
        messages,
        task_type,
        applied,
    )


def _read_meta(record: Record) -> dict[str, Any]:
    """The context of a session: the five keys of the format, and whatever stands beside them."""
    found = record.want("meta", dict)
    if found is None:
        return {}
    meta = record.inside(found, "meta")
    for key, domain in CONTEXT.items():
        value = meta.want(key, str)
        if value is not None:
            _check_value(meta, key, value, domain, CONTEXT)
    record.free("meta")
    return found


def synthesise(before: datetime | None, meta: Mapping[str, str]) -> datetime:
    """A time for a session that has none: the next day that suits its meta, at an hour that suits it."""
    day = FIRST_DAY if before is None else before + timedelta(days=1)
    while (day.weekday() >= 5) != (meta["day_of_week"] == "weekend"):
        day += timedelta(days=1)
    return day.replace(hour=HOURS[meta["time_of_day"]])


def write_edgewise(dataset: Dataset, folder: Path) -> None:
    """Write the three files into an existing folder; what `read_edgewise` reads back is equal.

    Raises `LabError` for a dialogue the format cannot hold.
    """
    for dialogue in dataset.dialogues:
        _check_representable(dialogue)
    write(folder / CHARACTERS, (_character_record(i, p) for i, p in enumerate(dataset.personas)))
    write(folder / ROUTINES, ({"routines": list(p.routines or ())} for p in dataset.personas))
    write(
        folder / SESSIONS,
        ({"sessions": _session_records(dataset.of(p.persona_id))} for p in dataset.personas),
    )


def _check_representable(dialogue: Dialogue) -> None:
    for key, domain in CONTEXT.items():
        if not fits(dialogue.context.get(key), domain):
            raise LabError(
                f"dialogue {dialogue.dialogue_id}: its context has no {key} the EdgeWisePersona format knows"
                f" ({describe(domain)}); write the chat format instead"
            )
    if any(message.role not in ROLES for message in dialogue.messages):
        raise LabError(
            f"dialogue {dialogue.dialogue_id}: this format has user and assistant messages only;"
            " write the chat format instead"
        )


def _character_record(index: int, persona: Persona) -> dict[str, Any]:
    own_id = None if persona.persona_id == persona_name(index) else persona.persona_id
    optional = {"persona_id": own_id, "name": persona.name, "preferences": persona.preferences}
    return {"character": persona.description} | given(optional)


def _session_records(dialogues: tuple[Dialogue, ...]) -> list[dict[str, Any]]:
    return [_session_record(session_id, dialogue) for session_id, dialogue in enumerate(dialogues)]


def _session_record(session_id: int, dialogue: Dialogue) -> dict[str, Any]:
    same = dialogue.dialogue_id == dialogue_name(dialogue.persona_id, session_id)
    record = {
        "session_id": session_id,
        "meta": dialogue.context,
        "messages": [_message_record(message) for message in dialogue.messages],
        "applied_routines": dialogue.applied_routines,
        "started_at": dialogue.started_at.isoformat(),
    }
    return record | given({"dialogue_id": None if same else dialogue.dialogue_id, "task_type": dialogue.task_type})


def _message_record(message: Message) -> dict[str, Any]:
    return {"role": message.role, "text": message.content} | given({"actions": message.actions})
