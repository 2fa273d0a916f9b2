"""A profile tells what a persona's train dialogues show, and only that."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.data.devices import CONTEXT, DEVICES
from lab.data.generate.generate import generate
from lab.data.split import split_by_time
from lab.data.types import Dialogue, Message, Persona, Value
from lab.methods.profile import MAX_WORDS, description_text, preferences, setting_text, settings

START = datetime(2024, 3, 1, 8, tzinfo=UTC)
PLAIN = "Set the lights as on the other days in this house"  # neither short nor long, of no manner


def case(day: int, actions: Any, asked: str = PLAIN, **context: str) -> Dialogue:
    messages = (Message("user", asked), Message("assistant", "Done.", actions))
    return Dialogue(f"d{day:03}", "ada", START + timedelta(days=day), dict(context), messages)


def cases(device: str, name: str, values: Iterable[tuple[Value, str]], key: str = "time_of_day") -> list[Dialogue]:
    """One dialogue for each (value, context value)."""
    return [case(day, {device: {name: value}}, **{key: where}) for day, (value, where) in enumerate(values)]


def told(dialogues: list[Dialogue]) -> list[str]:
    """The statements of a profile, without what frames them."""
    text = preferences(dialogues)
    return text.removeprefix("The user's usual settings: ").removesuffix(".").split("; ")


# ---------------------------------------------------------------- usual values


def test_an_evening_temperature_and_a_night_temperature_are_both_told():
    found = cases("ac", "temperature", [(22, "evening"), (18, "night")] * 4)
    assert told(found) == ["AC temperature 18 at night, 22 in the evening"]


@pytest.mark.parametrize("seed", range(3))
def test_temperatures_planted_in_generated_dialogues_are_found_again(seed):
    wanted = {"evening": 22, "night": 18}
    own = [d for d in generate(1, dialogues=90, seed=seed).dialogues if d.context["time_of_day"] in wanted]
    planted = [
        replace(d, messages=tuple(_with_temperature(m, wanted[d.context["time_of_day"]]) for m in d.messages))
        for d in own
    ]
    (statement,) = [one for one in preferences(planted).split("; ") if "AC temperature" in one]
    assert "22 in the evening" in statement
    assert "18 at night" in statement


def _with_temperature(message: Message, temperature: int) -> Message:
    if message.role != "assistant":
        return message
    return replace(message, actions=dict(message.actions or {}) | {"ac": {"temperature": temperature}})


def test_weather_explains_where_time_does_not():
    rainy = cases("lights", "color", [("warm", "rainy"), ("cool", "sunny")] * 4, "weather")
    dialogues = [replace(d, context=d.context | {"time_of_day": "morning"}) for d in rainy]
    assert told(dialogues) == ["lights color warm when rainy, cool when sunny"]


def test_cases_outside_the_sides_are_told_as_otherwise():
    values = [(18, "night")] * 4 + [(23, "morning"), (23, "afternoon"), (23, "evening")]
    assert told(cases("ac", "temperature", values)) == ["AC temperature 18 at night, 23 otherwise"]


def test_sides_that_say_the_same_are_told_together():
    values = [(18, "night"), (23, "morning"), (23, "evening")] * 4
    assert told(cases("ac", "temperature", values)) == [
        "AC temperature 18 at night, 23 in the evening and in the morning"
    ]


def test_two_cases_are_too_few_to_be_a_side():
    values = [(18, "night")] * 2 + [(23, "morning")] * 4
    assert told(cases("ac", "temperature", values)) == ["AC temperature 23 (18–23)"]


def test_a_context_that_explains_little_is_not_told():
    values = [(20, "night"), (21, "night"), (22, "night"), (21, "morning"), (22, "morning"), (23, "morning")]
    assert told(cases("ac", "temperature", values)) == ["AC temperature 21 (21–22)"]


def test_chance_seldom_passes_for_an_explanation():
    dice = random.Random(0)
    contexts = [{key: dice.choice(values) for key, values in CONTEXT.items()} for _ in range(3000)]
    found = [case(day, {"ac": {"temperature": dice.randint(16, 30)}}, **one) for day, one in enumerate(contexts)]
    texts = [preferences(found[start : start + 30]) for start in range(0, 3000, 30)]
    assert sum("in the" in text or "when" in text or "at night" in text for text in texts) <= 2


def test_numbers_are_told_by_one_that_was_set_and_the_range_of_the_middle_half():
    values = [(value, "morning") for value in (5, 10, 20, 25, 30, 30, 90, 99)]
    assert told(cases("tv", "volume", values)) == ["TV volume 25 (20–30)"]


def test_of_words_as_frequent_the_newer_is_told():
    values = [("Netflix", "morning"), ("YouTube", "morning")]
    assert told(cases("tv", "input_source", values)) == ["TV input source YouTube"]
    assert told(cases("tv", "input_source", [*values, ("Netflix", "night")])) == ["TV input source Netflix"]


def test_switches_are_told_by_their_own_name():
    assert told(cases("security", "armed", [(True, "night"), (False, "morning")] * 3)) == [
        "security armed at night, not armed in the morning"
    ]


def test_the_most_certain_stands_first():
    dialogues = [
        case(day, {"tv": {"volume": day}, "lights": {"color": "warm"}, "ac": {"fan_speed": day % 2}})
        for day in range(9)
    ]
    assert told(dialogues) == ["lights color warm", "AC fan speed 0 (0–1)", "TV volume 4 (2–6)"]


# ---------------------------------------------------------------- settings


def test_settings_are_the_first_of_a_dialogue_and_come_from_its_actions():
    messages = (
        Message("user", "AC on."),
        Message("assistant", "The lights are at 99%.", {"ac": {"temperature": 22}}),
        Message("user", "A bit warmer, and the TV."),
        Message("assistant", "Done.", {"ac": {"temperature": 23}, "tv": {"volume": 10}}),
    )
    found = settings(Dialogue("d", "ada", START, {}, messages))
    assert list(found.items()) == [(("ac", "temperature"), 22), (("tv", "volume"), 10)]


def test_settings_are_read_from_the_assistants_words_where_there_are_no_actions():
    messages = (Message("user", "Set the speaker to volume 80."), Message("assistant", "The AC is at 22 degrees."))
    assert settings(Dialogue("d", "ada", START, {}, messages)) == {("ac", "temperature"): 22}


def test_generated_words_and_generated_actions_make_the_same_profile():
    own = generate(personas=1, dialogues=30, seed=1).dialogues
    bare = [replace(d, messages=tuple(replace(m, actions=None) for m in d.messages)) for d in own]
    assert preferences(bare) == preferences(own)


def test_a_setting_in_words():
    assert setting_text(("ac", "fan_speed"), 2) == "AC fan speed 2"
    assert setting_text(("security", "armed"), False) == "security not armed"
    assert setting_text(("coffee_maker", "beans"), "dark\nroast") == "coffee maker beans dark roast"


# ---------------------------------------------------------------- manner


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Lights on.", "The user writes short messages."),
        ("hey, lights", "The user writes short, casual messages."),
        ("Would you kindly set the lights a little brighter this evening?", "The user writes formal messages."),
        ("I was only now thinking that the lights in here are still rather bright.", "The user writes long messages."),
        (PLAIN, ""),
    ],
)
def test_how_the_user_writes(message, said):
    assert preferences([case(day, {}, message) for day in range(3)]) == said


def test_two_messages_are_too_few_for_a_manner():
    assert preferences([case(day, {}, "hey") for day in range(2)]) == ""


# ---------------------------------------------------------------- any dialogues

words = st.text("ab \n", max_size=12)
values = st.one_of(words, st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e6, 1e6))
odd = st.dictionaries(words, st.dictionaries(words, values, max_size=3), max_size=3)
usual = st.fixed_dictionaries(
    {},
    optional={
        device: st.fixed_dictionaries({}, optional={n: st.sampled_from(list(d)) for n, d in domains.items()})
        for device, domains in DEVICES.items()
    },
)
contexts = st.fixed_dictionaries({}, optional={key: st.sampled_from(found) for key, found in CONTEXT.items()})


@st.composite
def dialogues(draw: st.DrawFn) -> list[Dialogue]:
    actions = draw(st.sampled_from([odd, usual]))
    return [case(day, draw(actions), draw(words), **draw(contexts)) for day in range(draw(st.integers(0, 12)))]


@given(dialogues(), st.randoms(use_true_random=False))
def test_the_same_dialogues_make_the_same_text_of_bounded_length(found, dice):
    text = preferences(found)
    assert len(text.split()) <= MAX_WORDS
    dice.shuffle(found)
    assert preferences(found) == text


def test_what_has_no_room_is_left_out_and_the_text_still_ends_well():
    found = [case(day, {f"device{n:02}": {"a_rather_long_name": day} for n in range(60)}) for day in range(3)]
    text = preferences(found)
    assert MAX_WORDS - 6 <= len(text.split()) <= MAX_WORDS
    assert text.endswith(").")


def test_no_dialogues_and_no_settings_are_nothing_to_say():
    assert preferences([]) == ""
    assert preferences([case(0, {}), case(1, {"ac": {}})]) == ""


# ---------------------------------------------------------------- only what train shows


def test_no_value_that_only_val_or_test_sets_is_told():
    dataset = generate(personas=3, dialogues=20, seed=3)
    for persona_id, parts in split_by_time(dataset).personas.items():
        values: dict[bool, set[str]] = {True: set(), False: set()}
        for one in dataset.of(persona_id):
            values[one.dialogue_id in parts.train] |= {str(value) for value in settings(one).values()}
        later = values[False] - values[True]
        assert later
        text = preferences([one for one in dataset.of(persona_id) if one.dialogue_id in parts.train])
        assert not later & set(re.findall(r"\w+", text))


def test_a_description_is_told_in_a_frame():
    assert description_text(Persona("ada", " Ada likes it dim.\n")) == "The user: Ada likes it dim."
    assert description_text(Persona("ada", "  ")) == ""


def test_the_answer_key_is_not_told():
    persona = Persona("ada", "Ada.", preferences={"ac": 22}, routines=({"name": "tea"},))
    assert description_text(persona) == "The user: Ada."
