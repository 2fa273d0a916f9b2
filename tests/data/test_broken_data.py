"""Broken inputs, one by one: each gives its own clear fault, with the file and the line, and nothing is imported."""

from __future__ import annotations

import contextlib
import json
import re
import string
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dataset_strategies import chat_lines, edgewise_lines, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.data.faults import SHOWN, DataError, Faults
from lab.data.formats import jsonl
from lab.data.load import load
from lab.errors import LabError

Files = dict[str, list[dict[str, Any]]]


def dialogue(key: str, value: Any, at: int = 0) -> Callable[[Files], Any]:
    return lambda files: files["dialogues.jsonl"][at].__setitem__(key, value)


def persona(key: str, value: Any, at: int = 0) -> Callable[[Files], Any]:
    return lambda files: files["personas.jsonl"][at].__setitem__(key, value)


def said(*messages: tuple[Any, Any]) -> Callable[[Files], Any]:
    return dialogue("messages", [{"role": role, "content": content} for role, content in messages])


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


USER, ASSISTANT = ("user", "Hello!"), ("assistant", "Hi.")

CHAT = {
    "wrong role": (said(USER, ("bot", "Hi.")), r'dialogues.jsonl:1: messages\[1\].role is "bot"; use one of user'),
    "role is no text": (
        said((7, "Hello!"), ASSISTANT),
        r"dialogues.jsonl:1: messages\[0\].role is 7; it must be a text",
    ),
    "empty dialogue": (said(), r"dialogues.jsonl:1: messages is empty"),
    "no assistant": (
        said(USER, USER),
        r"dialogues.jsonl:1: messages has no assistant message; .* take the dialogue out",
    ),
    "nobody answers": (said(ASSISTANT, USER), r"dialogues.jsonl:1: messages has no assistant message after a user"),
    "late system": (said(USER, ("system", "Be kind."), ASSISTANT), r"messages\[1\] is a system message; .* come first"),
    "early tool": (said(USER, ("tool", "22"), ASSISTANT), r"messages\[1\] is a tool message before any assistant"),
    "empty content": (said(USER, ("assistant", " \n")), r"dialogues.jsonl:1: messages\[1\].content is empty; write"),
    "content is a number": (said(USER, ("assistant", 5)), r"messages\[1\].content is 5; it must be a text"),
    "control character": (said(USER, ("assistant", "\x1b[2J")), r"content holds the control character U\+001B; take"),
    "message is a text": (dialogue("messages", ["Hello!"]), r'messages\[0\] is "Hello!"; it must be an object'),
    "messages is an object": (dialogue("messages", {"a": 1}), r"messages is an object; it must be a list"),
    "user acts": (
        dialogue(
            "messages", [{"role": "user", "content": "x", "actions": {"ac": {}}}, {"role": "assistant", "content": "y"}]
        ),
        r"messages\[0\].actions stands on a message that is not the assistant's",
    ),
    "actions are no settings": (
        dialogue(
            "messages",
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "actions": {"ac": [1]}}],
        ),
        r'messages\[1\].actions holds a list for "ac"; give an object .* as in {"ac": {"temperature": 22}}',
    ),
    "actions are a list": (
        dialogue(
            "messages",
            [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "actions": [{"ac": 22}]}],
        ),
        r'messages\[1\].actions is a list; it must be an object such as {"ac": {"temperature": 22}}',
    ),
    "duplicate dialogue": (
        dialogue("dialogue_id", "star-217", 2),
        r"dialogues.jsonl:3: dialogue_id 'star-217' .* line 1",
    ),
    "duplicate persona": (persona("persona_id", "star_000", 1), r"personas.jsonl:2: persona_id 'star_000' .* line 1"),
    "unknown persona": (
        dialogue("persona_id", "star_9", 1),
        r"dialogues.jsonl:2: persona_id 'star_9' is not in personas",
    ),
    "silent persona": (
        dialogue("persona_id", "star_000", 1),
        r"personas.jsonl:2: persona_id 'star_001' has no dialogue",
    ),
    "missing key": (lambda f: f["dialogues.jsonl"][0].pop("context"), r"dialogues.jsonl:1: context is missing; add it"),
    "missing id": (lambda f: f["personas.jsonl"][0].pop("persona_id"), r"personas.jsonl:1: persona_id is missing; add"),
    "no description": (
        lambda f: f["personas.jsonl"][0].pop("description"),
        r"personas.jsonl:1: description is missing",
    ),
    "id is a path": (dialogue("dialogue_id", "../x"), r'dialogue_id is "../x"; use 1 to 200 characters'),
    "id is empty": (persona("persona_id", ""), r'personas.jsonl:1: persona_id is ""; use 1 to 200'),
    "id is too long": (dialogue("dialogue_id", "x" * 201), r"dialogue_id is .*\.\.\.; use 1 to 200 characters"),
    "context is a list": (dialogue("context", []), r"dialogues.jsonl:1: context is empty; it must be an object"),
    "routines of numbers": (persona("routines", [1]), r"personas.jsonl:1: routines\[0\] is 1; it must be an object"),
    "bad date": (dialogue("started_at", "last May"), r'started_at "last May" is no date; write it as 2024'),
    "date without zone": (dialogue("started_at", "2020-05-14T12:00:00"), r"has no time zone; end it with Z"),
    "date off the calendar": (dialogue("started_at", "0001-01-01T00:00:00+14:00"), r"is no date"),
    "clock going backwards": (
        dialogue("started_at", "2019-01-01T00:00:00Z", 2),
        r"dialogues.jsonl:3: started_at .* before",
    ),
    "task type is a story": (dialogue("task_type", "x" * 201), r"task_type is .*; use 200 characters at most"),
    "task type is a number": (dialogue("task_type", 3), r"task_type is 3; it must be a text"),
    "no such routine": (dialogue("applied_routines", [2], 1), r"dialogues.jsonl:2: applied_routines holds 2; give pos"),
    "deep nesting": (dialogue("context", {"a": nested(20)}), r"context holds values nested more than 16 deep"),
    "hidden escape": (dialogue("context", {"a": ["\x07"]}), r"context holds the control character U\+0007"),
}

RAW = {
    "malformed JSON": ("dialogues.jsonl", b'{"dialogue_id": \n', r"dialogues.jsonl:1: this is not JSON: .*column"),
    "not a number": ("dialogues.jsonl", b'{"a": NaN}\n', r"dialogues.jsonl:1: this is not JSON"),
    "infinity": ("dialogues.jsonl", b'{"a": 1e999}\n', r"dialogues.jsonl:1: this is not JSON"),
    "half a surrogate": ("dialogues.jsonl", b'{"a": "\\ud800"}\n', r"dialogues.jsonl:1: this is not JSON"),
    "bottomless": ("dialogues.jsonl", b"[" * 100_000 + b"\n", r"dialogues.jsonl:1: this is not JSON"),
    "not UTF-8": ("personas.jsonl", b'{"persona_id": "\xff"}\n', r"personas.jsonl:1: byte 17 is not UTF-8; save"),
    "UTF-16": ("personas.jsonl", '{"persona_id": "a"}\n'.encode("utf-16"), r"personas.jsonl:1: byte 1 is not UTF-8"),
    "a list": ("dialogues.jsonl", b"[1]\n", r"dialogues.jsonl:1: the line is a list; it must be an object"),
    "a blank line": (
        "personas.jsonl",
        b'{"persona_id": "a", "description": ""}\n\n{}\n',
        r"personas.jsonl:3: an empty line",
    ),
    "an empty file": ("personas.jsonl", b"", r"personas.jsonl:1: the file is empty; it needs one JSON object a line"),
    "zeros": ("personas.jsonl", b"\0" * 64, r"personas.jsonl:1: this is not JSON"),
}


def session(key: str, value: Any) -> Callable[[Files], Any]:
    return lambda files: files["sessions.jsonl"][0]["sessions"][1].__setitem__(key, value)


def meta(key: str, value: Any) -> Callable[[Files], Any]:
    return lambda files: files["sessions.jsonl"][0]["sessions"][1]["meta"].__setitem__(key, value)


def routine(key: str, value: Any) -> Callable[[Files], Any]:
    return lambda files: files["routines.jsonl"][1]["routines"][0].__setitem__(key, value)


EDGEWISE = {
    "unknown weather": (
        meta("weather", "foggy"),
        r'sessions.jsonl:1: sessions\[1\].meta.weather is "foggy"; it must be one',
    ),
    "no weather": (meta("weather", None), r"sessions\[1\].meta.weather is null; it must be a text"),
    "no meta": (session("meta", None), r"sessions\[1\].meta is null; it must be an object"),
    "too hot": (
        routine("actions", {"ac": {"temperature": 31}}),
        r"routines.jsonl:2: routines\[0\].*31; .* from 16 to 30",
    ),
    "half a degree": (
        routine("actions", {"ac": {"temperature": 22.5}}),
        r"temperature is 22.5; it must be a whole number",
    ),
    "true is no number": (routine("actions", {"tv": {"volume": True}}), r"volume is true; it must be a whole number"),
    "one is not true": (routine("actions", {"security": {"armed": 1}}), r"armed is 1; it must be one of true, false"),
    "unknown input": (
        routine("actions", {"tv": {"input_source": "HDMI3"}}),
        r'input_source is "HDMI3"; it must be one of',
    ),
    "unknown device": (routine("actions", {"oven": {}}), r'actions holds the device "oven"; use tv, ac, lights'),
    "unknown parameter": (routine("actions", {"ac": {"swing": 1}}), r'"swing" is not known; use temperature, mode'),
    "unknown trigger": (routine("triggers", {"moon": "full"}), r'"triggers.moon" is not known; use time_of_day'),
    "trigger out of range": (
        routine("triggers", {"weather": "windy"}),
        r'triggers.weather is "windy"; it must be one of',
    ),
    "settings are a number": (routine("actions", {"ac": 22}), r"actions.ac is 22; it must be an object"),
    "no actions": (
        lambda f: f["routines.jsonl"][0]["routines"][0].pop("actions"),
        r"routines.jsonl:1: .*actions is missing",
    ),
    "wrong role": (
        session("messages", [{"role": "system", "text": "x"}]),
        r'role is "system"; use one of user, assistant',
    ),
    "content for text": (session("messages", [{"role": "user", "content": "x"}]), r"messages\[0\].text is missing"),
    "duplicate session": (session("session_id", 0), r"sessions.jsonl:1: sessions\[1\].session_id .* taken on line 1"),
    "session without id": (session("session_id", None), r"sessions\[1\].session_id is null; it must be a whole number"),
    "some times only": (session("started_at", "2024-01-01T00:00:00Z"), r"started_at is given for some sessions only"),
    "no such routine": (session("applied_routines", [-1]), r"applied_routines holds -1; give positions"),
    "no sessions": (lambda f: f["sessions.jsonl"][1].update(sessions=[]), r"sessions.jsonl:2: sessions is empty"),
    "not line-aligned": (
        lambda f: f["routines.jsonl"].pop(),
        r"routines.jsonl:1: the file ends after 1 users, another .* 2",
    ),
    "duplicate persona": (
        lambda f: f["characters.jsonl"][1].update(persona_id="persona_000"),
        r"characters.jsonl:2: .*taken",
    ),
    "character is missing": (lambda f: f["characters.jsonl"][0].clear(), r"characters.jsonl:1: character is missing"),
}


def fails_with(folder: Path, files: Files) -> DataError:
    return fails(write_lines(folder, files), "")


def fails(folder: Path, pattern: str) -> DataError:
    with pytest.raises(DataError) as caught:
        load(str(folder))
    error = caught.value
    assert re.search(pattern, str(error)), str(error)
    for line in str(error).splitlines():
        assert re.match(r".+\.jsonl:\d+: .+", line), line
        assert line.isprintable()
    return error


@pytest.mark.parametrize("name", CHAT)
def test_broken_chat(name: str, tmp_path: Path) -> None:
    breaks, pattern = CHAT[name]
    files = chat_lines()
    breaks(files)
    assert len(fails(write_lines(tmp_path, files), pattern).faults) == 1


@pytest.mark.parametrize("name", RAW)
def test_broken_bytes(name: str, tmp_path: Path) -> None:
    file, raw, pattern = RAW[name]
    write_lines(tmp_path, chat_lines())
    (tmp_path / file).write_bytes(raw)
    fails(tmp_path, pattern)


@pytest.mark.parametrize("name", EDGEWISE)
def test_broken_edgewise(name: str, tmp_path: Path) -> None:
    breaks, pattern = EDGEWISE[name]
    files = edgewise_lines()
    breaks(files)
    assert len(fails(write_lines(tmp_path, files), pattern).faults) == 1


@pytest.mark.parametrize("name", ["personas.jsonl", "dialogues.jsonl", "routines.jsonl", "sessions.jsonl"])
def test_a_missing_file_is_the_only_fault(name: str, tmp_path: Path) -> None:
    files = chat_lines() if name in chat_lines() else edgewise_lines()
    write_lines(tmp_path, files)
    (tmp_path / name).unlink()
    assert len(fails(tmp_path, rf"{name}:1: the file is missing").faults) == 1


def test_a_huge_line_is_refused_without_being_held(tmp_path: Path) -> None:
    write_lines(tmp_path, chat_lines())
    with (tmp_path / "dialogues.jsonl").open("r+b") as handle:
        handle.seek(2**30)  # a gigabyte of zeros, sparse on the disk
        handle.write(b"\n" + json.dumps(chat_lines()["dialogues.jsonl"][0]).encode() + b"\n")
    tracemalloc.start()
    error = fails(tmp_path, r"dialogues.jsonl:4: the line is longer than 8 MiB; split it")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20
    assert "dialogues.jsonl:5: dialogue_id 'star-217' is taken by line 1" in str(error)  # and it reads on


def test_one_broken_persona_does_not_make_its_dialogues_unknown(tmp_path: Path) -> None:
    files = chat_lines()
    files["personas.jsonl"][1]["name"] = 5
    assert len(fails(write_lines(tmp_path, files), r"personas.jsonl:2: name is 5").faults) == 1


def test_many_kinds_of_faults_are_told_up_to_a_bound() -> None:
    faults = Faults()
    for kind in string.ascii_letters:
        faults.add(Path("d.jsonl"), 1, kind)
    with pytest.raises(DataError) as caught:
        faults.raise_if_any()
    assert len(caught.value.faults) == SHOWN
    assert str(caught.value).endswith(f"\nand {52 - SHOWN} more")


def test_the_same_fault_of_many_lines_is_told_once_with_a_count(tmp_path: Path) -> None:
    files = chat_lines()
    first = files["dialogues.jsonl"][0]
    files["dialogues.jsonl"] = [
        first | {"dialogue_id": f"d{day}", "started_at": f"2020-05-{day:02}T12:00:00"} for day in range(1, 31)
    ]
    error = fails_with(tmp_path, files)
    assert (len(error.faults), error.more) == (1, 0)
    assert str(error).endswith(
        'dialogues.jsonl:1: started_at "2020-05-01T12:00:00" has no time zone; end it with Z or an offset such as'
        " +02:00 … and 29 more like it (lines 2, 3, 4, …)"
    )


def test_other_keys_and_other_files_are_other_faults(tmp_path: Path) -> None:
    files = {name: [{}, {}] for name in chat_lines()}
    error = fails_with(tmp_path, files)
    assert len(error.faults) == 2 + 5  # the keys that each must have
    assert all(str(fault).endswith(" … and 1 more like it (line 2)") for fault in error.faults)


def test_many_faults_in_one_line_name_it_once(tmp_path: Path) -> None:
    files = chat_lines()
    files["dialogues.jsonl"][0]["messages"] = [{"role": 'bo"t', "content": "x" * 50}] * 4
    (fault,) = fails_with(tmp_path, files).faults
    assert str(fault).endswith("use one of user, assistant, system, tool … and 3 more like it")


def test_a_key_of_many_lines_makes_no_error_of_many(tmp_path: Path) -> None:
    files = edgewise_lines()
    routine("moon" + "\n" * 300 + "phase", "\x00")(files)
    error = fails_with(tmp_path, files)
    assert str(error).count("\n") < len(error.faults)
    assert "routines[0].moon" in str(error)


def test_sources_that_are_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match=r"no data set here; it needs personas\.jsonl and dialogues\.jsonl"):
        load(str(tmp_path))
    (tmp_path / "dialogues.jsonl").mkdir()
    fails(tmp_path, "dialogues.jsonl:1: the file is missing")
    with pytest.raises(LabError, match="is a file; give the folder"):
        load(__file__)
    with pytest.raises(LabError, match="there is no such folder; give a folder, or a Hugging Face data set"):
        load(str(tmp_path / "nowhere"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(LabError, match="the Hugging Face hub cannot be reached"):
        load("somebody/something")


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


def loads_or_faults(folder: Path) -> None:
    with contextlib.suppress(DataError):
        assert load(str(folder)).dialogues


@FUZZ
@given(data=st.data())
def test_no_bytes_give_anything_but_a_data_set_or_faults(data: st.DataObject, tmp_path: Path) -> None:
    files = data.draw(st.sampled_from([chat_lines(), edgewise_lines()]))
    for name in ("personas.jsonl", "dialogues.jsonl", *edgewise_lines()):
        (tmp_path / name).unlink(missing_ok=True)
    write_lines(tmp_path, files)
    path = tmp_path / data.draw(st.sampled_from(sorted(files)))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=4))
    path.write_bytes(raw)
    loads_or_faults(tmp_path)


@FUZZ
@given(data=st.data())
def test_no_json_gives_anything_but_a_data_set_or_faults(data: st.DataObject, tmp_path: Path) -> None:
    files = data.draw(st.sampled_from([chat_lines(), edgewise_lines()]))
    for name in ("personas.jsonl", "dialogues.jsonl", *edgewise_lines()):
        (tmp_path / name).unlink(missing_ok=True)
    place: Any = files[data.draw(st.sampled_from(sorted(files)))]
    for _ in range(data.draw(st.integers(1, 7))):  # walk down to some place and put something else there
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key]:
            break
        place = place[key]
    keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
    place[data.draw(st.sampled_from(keys))] = data.draw(json_values)
    loads_or_faults(write_lines(tmp_path, files))


def test_the_longest_line_still_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines(tmp_path, chat_lines())
    longest = max(len(line) for line in (tmp_path / "dialogues.jsonl").read_bytes().splitlines(keepends=True))
    monkeypatch.setattr(jsonl, "MAX_LINE", longest)
    assert len(load(str(tmp_path)).dialogues) == 3
    monkeypatch.setattr(jsonl, "MAX_LINE", longest - 1)
    fails(tmp_path, "longer than")
