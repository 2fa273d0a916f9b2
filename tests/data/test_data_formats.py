from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dataset_strategies import chat_lines, datasets, edgewise_lines, tiny, write_lines
from hypothesis import HealthCheck, given, settings

from lab.data.formats.chat import read_chat, write_chat
from lab.data.formats.edgewise import read_edgewise, write_edgewise
from lab.data.load import load
from lab.data.types import Dataset, digest
from lab.errors import LabError

any_folder = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_folder
@given(dataset=datasets(smart_home=False))
def test_chat_format_gives_back_what_was_written(dataset: Dataset, tmp_path: Path) -> None:
    write_chat(dataset, tmp_path)
    found = read_chat(tmp_path)
    assert found == dataset
    assert digest(found) == digest(dataset)


@any_folder
@given(dataset=datasets(smart_home=True))
def test_edgewise_format_gives_back_what_was_written(dataset: Dataset, tmp_path: Path) -> None:
    write_edgewise(dataset, tmp_path)
    found = read_edgewise(tmp_path)
    kept = Dataset(
        tuple(_with_routines(persona) for persona in dataset.personas),
        tuple(dialogue for persona in dataset.personas for dialogue in dataset.of(persona.persona_id)),
    )
    assert found == kept


def _with_routines(persona):  # the format has no way to say that nothing is known of a persona's routines
    from dataclasses import replace

    return replace(persona, routines=persona.routines or ())


@any_folder
@given(dataset=datasets(smart_home=True))
def test_digest_is_the_same_in_either_format(dataset: Dataset, tmp_path: Path) -> None:
    chat, edgewise = tmp_path / "chat", tmp_path / "edgewise"
    chat.mkdir(exist_ok=True)
    edgewise.mkdir(exist_ok=True)
    write_edgewise(dataset, edgewise)
    once = read_edgewise(edgewise)
    write_chat(once, chat)
    assert digest(load(str(chat))) == digest(load(str(edgewise)))


def test_real_dialogues_load_as_they_are(tmp_path: Path) -> None:
    dataset = load(str(write_lines(tmp_path, chat_lines())))
    assert [p.persona_id for p in dataset.personas] == ["star_000", "star_001"]
    assert [d.dialogue_id for d in dataset.of("star_000")] == ["star-217", "star-219"]
    first = dataset.dialogues[0]
    assert first.started_at == datetime(2020, 5, 14, 12, 19, 8, tzinfo=UTC)
    assert first.context == {"task": "party_rsvp"}
    assert first.messages[1].content == "Hello, how can I help?"
    assert (first.task_type, first.applied_routines, first.messages[1].actions) == (None, None, None)


def test_published_edgewise_files_load_without_times(tmp_path: Path) -> None:
    dataset = load(str(write_lines(tmp_path, edgewise_lines())))
    assert [p.persona_id for p in dataset.personas] == ["persona_000", "persona_001"]
    assert [d.dialogue_id for d in dataset.dialogues] == ["persona_000-000", "persona_000-001", "persona_001-000"]
    first, second = dataset.of("persona_000")
    assert first.started_at < second.started_at
    assert (first.started_at.hour, first.started_at.weekday() < 5) == (19, True)  # an evening, a weekday
    assert first.context["weather"] == "rainy"
    assert dataset.personas[0].routines == (
        {"triggers": {"time_of_day": "evening"}, "actions": {"lights": {"brightness": 40}}},
    )


def test_synthesised_times_keep_to_weekends_and_hours(tmp_path: Path) -> None:
    files = edgewise_lines()
    for i, (time, day) in enumerate([("night", "weekend"), ("morning", "weekday")]):
        files["sessions.jsonl"][0]["sessions"][i]["meta"] |= {"time_of_day": time, "day_of_week": day}
    first, second = load(str(write_lines(tmp_path, files))).of("persona_000")
    assert first.started_at.weekday() >= 5
    assert first.started_at.hour == 22
    assert second.started_at.weekday() < 5
    assert second.started_at > first.started_at


def test_a_byte_order_mark_and_blank_last_lines_do_no_harm(tmp_path: Path) -> None:
    write_lines(tmp_path, chat_lines())
    path = tmp_path / "personas.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\n\n")
    assert len(load(str(tmp_path)).personas) == 2


def test_extra_keys_are_ignored(tmp_path: Path) -> None:
    files = chat_lines()
    files["dialogues.jsonl"][0]["note"] = "checked"
    assert len(load(str(write_lines(tmp_path, files))).dialogues) == 3


@pytest.mark.parametrize("folder", ["here", "here/data"])
def test_the_format_is_told_from_the_files(tmp_path: Path, folder: str) -> None:
    write_lines(tmp_path / folder, edgewise_lines())
    assert len(load(str(tmp_path / "here")).personas) == 2


def test_a_data_set_that_is_no_smart_home_cannot_be_written_as_one(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"p0-0.*time_of_day.*chat format"):
        write_edgewise(tiny(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_digest_sees_every_field_and_no_other() -> None:
    from dataclasses import replace

    dataset = tiny(1, 2)
    first, second = dataset.dialogues
    seen = {digest(dataset)}
    changed = [
        replace(first, started_at=first.started_at.replace(minute=1)),
        replace(first, context={"task": "other"}),
        replace(first, task_type="simple"),
        replace(first, applied_routines=()),
        replace(first, messages=(first.messages[0], replace(first.messages[1], actions={"ac": {}}))),
    ]
    for dialogue in changed:
        seen.add(digest(Dataset(dataset.personas, (dialogue, second))))
    assert len(seen) == 6
    elsewhere = replace(first, started_at=datetime.fromisoformat("2024-03-01T10:00:00+02:00"))
    assert digest(Dataset(dataset.personas, (elsewhere, second))) == digest(dataset)


def test_chat_files_are_plain_json_lines(tmp_path: Path) -> None:
    write_chat(tiny(1, 1), tmp_path)
    assert json.loads((tmp_path / "dialogues.jsonl").read_text()) == {
        "dialogue_id": "p0-0",
        "persona_id": "p0",
        "started_at": "2024-03-01T08:00:00+00:00",
        "context": {"task": "greeting"},
        "messages": [{"role": "user", "content": "hello 0"}, {"role": "assistant", "content": "hi p0 0"}],
    }


def test_take_keeps_the_first_personas_and_their_oldest_dialogues() -> None:
    small = tiny(3, 4).take(2, 1)
    assert [p.persona_id for p in small.personas] == ["p0", "p1"]
    assert [d.dialogue_id for d in small.dialogues] == ["p0-0", "p1-0"]
    assert len(tiny(3, 4).take(1).dialogues) == 4
    assert tiny().of("nobody") == ()
