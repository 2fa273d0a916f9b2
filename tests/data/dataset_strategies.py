"""Hypothesis strategies for whole data sets, and the folders they are written to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from lab.data.devices import CONTEXT, DEVICES
from lab.data.types import Dataset, Dialogue, Message, Persona

letters = st.characters(blacklist_categories=("Cs", "Cc"))
words = st.text(letters, min_size=1, max_size=30).filter(str.strip)
ids = st.from_regex(r"[a-zA-Z0-9_@:-][a-zA-Z0-9_ .@:-]{0,12}[a-z0-9]", fullmatch=True)
scalars = st.one_of(words, st.booleans(), st.integers(-(2**53), 2**53))
objects = st.dictionaries(words, st.one_of(scalars, st.lists(scalars, max_size=2), st.none()), max_size=3)
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
actions = st.one_of(st.none(), st.dictionaries(words, st.dictionaries(words, scalars, max_size=2), max_size=2))


def smart_values(domain: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(domain))


smart_settings = st.fixed_dictionaries(
    {},
    optional={
        device: st.fixed_dictionaries({}, optional={n: smart_values(d) for n, d in domains.items()}).filter(bool)
        for device, domains in DEVICES.items()
    },
)
smart_context = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CONTEXT.items()})
smart_routines = st.lists(
    st.fixed_dictionaries(
        {
            "triggers": st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in CONTEXT.items()}),
            "actions": smart_settings,
        },
        optional={"name": words},
    ),
    max_size=3,
)


@st.composite
def conversations(draw: Any, roles: tuple[str, ...]) -> tuple[Message, ...]:
    """A user message, an answer, and anything after it."""
    more = draw(st.lists(st.sampled_from(roles), max_size=4))
    messages = [Message("user", draw(words)), Message("assistant", draw(words), draw(actions))]
    messages += [Message(role, draw(words), draw(actions) if role == "assistant" else None) for role in more]
    return tuple(messages)


@st.composite
def datasets(draw: Any, smart_home: bool) -> Dataset:
    """Any valid data set; with `smart_home` one that the EdgeWisePersona format can hold."""
    roles = ("user", "assistant") if smart_home else ("user", "assistant", "tool")
    contexts = smart_context if smart_home else objects
    routines = smart_routines if smart_home else st.one_of(st.none(), st.lists(objects, max_size=2))
    persona_ids = draw(st.lists(ids, min_size=1, max_size=3, unique=True))
    personas, dialogues = [], []
    for persona_id in persona_ids:
        found = draw(routines)
        kept = None if found is None else tuple(found)
        personas.append(
            Persona(
                persona_id,
                draw(st.text(letters, max_size=20)),
                draw(st.one_of(st.none(), words)),
                draw(st.one_of(st.none(), objects)),
                kept,
            )
        )
        moment = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=zones))
        for _ in range(draw(st.integers(1, 3))):
            moment += timedelta(seconds=draw(st.integers(0, 10**7)))
            applied = st.lists(st.integers(0, len(kept or ())), max_size=2).map(tuple)
            dialogues.append(
                Dialogue(
                    f"d{len(dialogues)}",
                    persona_id,
                    moment,
                    draw(contexts),
                    draw(conversations(roles)),
                    draw(st.one_of(st.none(), words)),
                    draw(st.one_of(st.none(), applied)),
                )
            )
    return Dataset(tuple(personas), tuple(dialogues))


def tiny(n_personas: int = 2, n_dialogues: int = 5) -> Dataset:
    """A plain data set: persona p0, p1, ..., dialogues p0-0, p0-1, ..., a day apart."""
    start = datetime(2024, 3, 1, 8, tzinfo=UTC)
    personas = tuple(Persona(f"p{i}", f"person {i}") for i in range(n_personas))
    dialogues = tuple(
        Dialogue(
            f"{persona.persona_id}-{j}",
            persona.persona_id,
            start + timedelta(days=j),
            {"task": "greeting"},
            (Message("user", f"hello {j}"), Message("assistant", f"hi {persona.persona_id} {j}")),
        )
        for persona in personas
        for j in range(n_dialogues)
    )
    return Dataset(personas, dialogues)


def chat_lines() -> dict[str, list[dict[str, Any]]]:
    """A sound folder in the chat format, by file: two personas, three dialogues. Real data look like this."""
    messages = [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hello, how can I help?"}]

    def dialogue(name: str, persona: str, day: int) -> dict[str, Any]:
        moment = f"2020-05-{day:02d}T12:19:08Z"
        context = {"task": "party_rsvp"}
        return {
            "dialogue_id": name,
            "persona_id": persona,
            "started_at": moment,
            "context": context,
            "messages": messages,
        }

    return {
        "personas.jsonl": [
            {"persona_id": "star_000", "description": ""},
            {"persona_id": "star_001", "description": "", "routines": [{"name": "tea"}]},
        ],
        "dialogues.jsonl": [
            dialogue("star-217", "star_000", 14),
            dialogue("star-218", "star_001", 14),
            dialogue("star-219", "star_000", 15),
        ],
    }


def edgewise_lines() -> dict[str, list[dict[str, Any]]]:
    """A sound folder in the EdgeWisePersona format, as it is published: nulls and all, no times."""
    meta = {
        "time_of_day": "evening",
        "day_of_week": "weekday",
        "sun_phase": "after_sunset",
        "weather": "rainy",
        "outdoor_temp": "very cold",
    }
    messages = [{"role": "user", "text": "Lights, please."}, {"role": "assistant", "text": "Lights at 40%."}]

    def session(number: int) -> dict[str, Any]:
        return {"session_id": number, "meta": dict(meta), "messages": list(messages), "applied_routines": [0]}

    routine = {
        "triggers": {"time_of_day": "evening", "weather": None},
        "actions": {"lights": {"brightness": 40, "color": None}, "tv": None},
    }
    return {
        "characters.jsonl": [{"character": "Ada likes it dim."}, {"character": "Bo likes it bright."}],
        "routines.jsonl": [{"routines": [routine]}, {"routines": [dict(routine)]}],
        "sessions.jsonl": [{"sessions": [session(0), session(1)]}, {"sessions": [session(0)]}],
    }


def write_lines(folder: Path, files: dict[str, list[dict[str, Any]]]) -> Path:
    """Write JSON Lines files as anybody's script would."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in files.items():
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return folder
