"""The action parser as a specification: what an assistant's sentence sets, and what it does not."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.data.devices import DEVICES
from lab.metrics.actions import Action, devices_mentioned, numbers, parse_actions
from lab.metrics.parsing.grammar import read
from lab.metrics.parsing.items import Value

SENTENCES = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
LABELLED = [
    pytest.param(text, expected, id=f"{topic}: {text[:60]}")
    for topic, sentences in SENTENCES.items()
    for text, expected in sentences.items()
]


def settings(text: str) -> dict[str, dict[str, Value]]:
    """Nest the parsed actions as the labels are: device → parameter → value."""
    nested: dict[str, dict[str, Value]] = {}
    for action in parse_actions(text):
        nested.setdefault(action.device, {})[action.parameter] = action.value
    return nested


@pytest.mark.parametrize(("text", "expected"), LABELLED)
def test_a_sentence_sets_exactly_what_a_person_reads_in_it(text: str, expected: dict[str, dict[str, Value]]) -> None:
    assert settings(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Setting the AC to 22 degrees and lights to 50% brightness", {"ac", "lights"}),
        ("What brightness level would you like?", {"lights"}),
        ("Shall I put some music on?", {"speaker"}),
        ("I won't touch the telly.", {"tv"}),
        ("Cooling to 21.", {"ac"}),
        ("HDMI2 it is.", {"tv"}),
        ("Armed.", {"security"}),
        ("The lamps, the thermostat, the playlist, the alarm and the television", set(DEVICES)),
        ("What volume for the TV?", {"tv"}),
        ("Movie mode! Safe and sound, after the next song.", set()),
        ("You're welcome!", set()),
    ],
)
def test_devices_count_as_mentioned_whether_set_asked_about_or_left_alone(text: str, expected: set[str]) -> None:
    assert devices_mentioned(text) == expected


def test_numbers_are_the_numeric_settings_only() -> None:
    text = "Lights at 50%, warm; the alarm is armed at volume 60; TV off."
    assert numbers(text) == {Action("lights", "brightness", 50), Action("security", "alarm_volume", 60)}


def test_a_value_out_of_range_is_reported_as_said() -> None:
    """An impossible prediction has to count against precision, so it must not vanish."""
    assert settings("AC to 45 degrees") == {"ac": {"temperature": 45}}


PHRASES = st.sampled_from(
    [word for sentences in SENTENCES.values() for text in sentences for word in text.split()]
    + ["?", "not", "if", "from", "and", "\n", "%", "°", "..."]
)


@given(st.one_of(st.text(), st.lists(PHRASES, max_size=60).map(" ".join)))
def test_any_text_gives_actions_of_the_five_devices_and_never_fails(text: str) -> None:
    mentioned = devices_mentioned(text)
    assert mentioned <= set(DEVICES)
    seen = set()
    for action in parse_actions(text):
        assert action.device in mentioned
        assert action.parameter == "power" or action.parameter in DEVICES[action.device]
        assert (action.device, action.parameter) not in seen
        seen.add((action.device, action.parameter))


@pytest.mark.parametrize("unit", ["22 ", "set the ac to 22 ", "lights, ", "off tv ", "1", "1.", "warm ", "a half and "])
def test_long_text_takes_linear_time(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        start = time.process_time()
        read(text)
        return time.process_time() - start

    seconds(1_000)
    short, long = min(seconds(20_000) for _ in range(3)), seconds(100_000)
    assert long < 15 * short + 0.05, "five times the text may not take much more than five times as long"
    assert long < 5
