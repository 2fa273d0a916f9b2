from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.data.devices import CONTEXT, DEVICES, fits
from lab.data.formats.edgewise import FILES, read_edgewise
from lab.data.generate import generate, generate_folder
from lab.data.measure import measure
from lab.data.split import check_leakage, split_by_time
from lab.data.types import Dataset, Dialogue, Message, Persona, digest
from lab.errors import LabError


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return generate(personas=44, dialogues=40, seed=5)


def told(dataset: Dataset) -> Iterator[tuple[Dialogue, Message]]:
    """Every assistant message."""
    for dialogue in dataset.dialogues:
        for message in dialogue.messages:
            if message.role == "assistant":
                yield dialogue, message


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first = generate_folder(tmp_path / "a", 5, 7, 3.2, 0)
    generate_folder(tmp_path / "b", 5, 7, 3.2, 0)
    for name in (*FILES, "generated.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert read_edgewise(tmp_path / "a") == first
    assert digest(generate(5, 7, 3.2, 1)) != digest(first)


def test_the_bytes_of_a_seed_are_the_same_on_every_machine() -> None:
    assert digest(generate(3, 4, 3.2, 0)) == PINNED


PINNED = "668504a2e878c51fb1eb27bfc97ed83eeb464e7adbdab164504115d7c8a78499"


def test_a_persona_is_the_same_whatever_the_number_of_personas() -> None:
    few, many = generate(2, 6), generate(9, 6)
    assert few.personas == many.personas[:2]
    assert few.dialogues == many.dialogues[:12]


def test_shares_and_length_are_as_published(dataset: Dataset) -> None:
    found = measure(dataset)
    assert found.turns_per_dialogue == pytest.approx(3.2, abs=0.1)
    assert found.routine_share == pytest.approx(0.75, abs=0.01)
    wanted = {"simple": 0.40, "multi-device": 0.35, "context-dependent": 0.15, "personality-heavy": 0.10}
    assert found.task_types == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("turns", [1.0, 2.0, 5.5])
def test_other_lengths_come_out_as_asked(turns: float) -> None:
    assert measure(generate(20, 20, turns)).turns_per_dialogue == pytest.approx(turns, abs=0.15)


def test_turns_alternate_and_answers_end_like_sentences(dataset: Dataset) -> None:
    for dialogue in dataset.dialogues:
        roles = [message.role for message in dialogue.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
    for _, message in told(dataset):
        assert re.search(r"[.!?💛]$", message.content), message.content
        assert not re.match(r"[a-z]", message.content), message.content


def test_texts_are_clean(dataset: Dataset) -> None:
    for dialogue in dataset.dialogues:
        for message in dialogue.messages:
            assert message.content.isprintable()
            assert not re.search(r"[{}\[\]|>]|  | [,.;!?]|,[,.]|(?<!\.)\.\.(?!\.)", message.content), message.content


def test_assistants_hardly_repeat_themselves_or_each_other(dataset: Dataset) -> None:
    found = measure(dataset)
    assert found.unique_assistant_turns > 0.93
    assert found.unique_user_turns > 0.85
    speakers: dict[str, set[str]] = {}
    for dialogue, message in told(dataset):
        for sentence in re.split(r"(?<=[.!?]) ", re.sub(r"\d+", "#", message.content)):
            if len(sentence.split()) > 5:
                speakers.setdefault(sentence, set()).add(dialogue.persona_id)
    assert max(len(who) for who in speakers.values()) <= len(dataset.personas) / 4


def test_personas_are_told_apart_far_above_chance(dataset: Dataset) -> None:
    found = measure(dataset, split_by_time(dataset)).identification
    assert found is not None
    assert found.chance == pytest.approx(1 / 44)
    assert found.user > 20 * found.chance
    assert found.assistant > 20 * found.chance


def test_the_default_split_leaks_nothing(dataset: Dataset) -> None:
    assert check_leakage(dataset, split_by_time(dataset, counts=(20, 5, 5))) == []


def test_settings_are_in_range_and_their_numbers_are_said(dataset: Dataset) -> None:
    for _, message in told(dataset):
        said = Counter(re.findall(r"\d+", message.content))
        for device, settings in (message.actions or {}).items():
            for name, value in settings.items():
                assert fits(value, DEVICES[device][name])
                if isinstance(value, int) and not isinstance(value, bool):
                    assert said[str(value)] >= 1, (message.content, message.actions)
                elif isinstance(value, str):
                    assert value.lower() in message.content.lower().replace("hdmi ", "hdmi"), message.content


def in_force(persona: Persona, routine: int, session: int) -> dict[str, dict[str, object]]:
    """The settings of a routine in a session, read from the persona's record alone."""
    record = (persona.routines or ())[routine]
    current = {device: dict(settings) for device, settings in record["actions"].items()}
    for change in record.get("changes", ()):
        if session >= change["from_session"]:
            for device, settings in change["actions"].items():
                current[device] |= settings
    return current


def test_what_the_user_leaves_open_is_what_the_routine_in_force_says(dataset: Dataset) -> None:
    followed = 0
    for persona in dataset.personas:
        for session, dialogue in enumerate(dataset.of(persona.persona_id)):
            if not dialogue.applied_routines:
                continue
            right = in_force(persona, dialogue.applied_routines[0], session)
            actions = dialogue.messages[1].actions or {}
            assert actions.keys() <= right.keys()
            assert actions == {device: right[device] for device in actions}
            followed += bool(actions)
    assert followed > 1_000


def test_contexts_suit_the_calendar_and_the_routine(dataset: Dataset) -> None:
    for persona in dataset.personas:
        for dialogue in dataset.of(persona.persona_id):
            meta = dialogue.context
            assert meta.keys() == CONTEXT.keys()
            assert (meta["day_of_week"] == "weekend") == (dialogue.started_at.weekday() >= 5)
            assert (meta["sun_phase"] == "daylight") or meta["weather"] != "sunny"
            matching = [
                i for i, routine in enumerate(persona.routines or ()) if routine["triggers"].items() <= meta.items()
            ]
            assert matching == list(dialogue.applied_routines or ())


def test_most_personas_change_their_mind_for_good(dataset: Dataset) -> None:
    changed = [p for p in dataset.personas if any("changes" in routine for routine in p.routines or ())]
    assert len(changed) > len(dataset.personas) / 2
    for persona in changed:
        for number, routine in enumerate(persona.routines or ()):
            for change in routine.get("changes", ()):
                announcing = dataset.of(persona.persona_id)[change["from_session"] - 1]
                assert announcing.applied_routines == (number,)
                assert change["actions"] in [message.actions for message in announcing.messages]


def test_every_manner_speaks(dataset: Dataset) -> None:
    from lab.data.generate.person import make_person
    from lab.data.generate.tables import manners

    spoken = Counter(make_person(5, index).manner.key for index in range(44))
    assert spoken == dict.fromkeys(manners(), 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"personas": 0}, "personas is 0; give a number from 1 to 10,000"),
        ({"dialogues": 0}, "dialogues is 0; give a number from 1 to 1,000"),
        ({"dialogues": 1_001}, "dialogues is 1001; give"),
        ({"turns": 0.5}, "turns is 0.5; give a number from 1 to 8"),
        ({"turns": float("nan")}, "turns is nan; give"),
        ({"seed": -1}, "seed is -1; give"),
    ],
)
def test_numbers_out_of_range(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        generate(**arguments)  # type: ignore[arg-type]


def test_only_its_own_output_is_ever_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    generate_folder(out, 1, 3, 2.0, 0)  # an empty folder may be filled
    generate_folder(out, 1, 3, 2.0, 0)  # the same again changes nothing
    with pytest.raises(LabError, match="holds another generated data set; give another folder, or --replace it"):
        generate_folder(out, 1, 4, 2.0, 0)
    generate_folder(out, 1, 4, 2.0, 0, replace=True)
    assert len(read_edgewise(out).dialogues) == 4
    (out / "notes.txt").write_text("mine")
    with pytest.raises(LabError, match="not empty and not the generator's own"):
        generate_folder(out, 1, 3, 2.0, 0)
    assert (out / "notes.txt").read_text() == "mine"
    with pytest.raises(LabError, match="is a file"):
        generate_folder(out / "notes.txt", 1, 3, 2.0, 0)
