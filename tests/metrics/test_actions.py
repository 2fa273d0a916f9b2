"""The action parser as a specification: what an assistant's sentence sets, and what it does not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.data.devices import DEVICES
from lab.metrics.actions import Action, devices_mentioned, numbers, parse_actions


def settings(text: str) -> dict[str, object]:
    """Write the parsed actions as {"ac.temperature": 22}."""
    return {f"{action.device}.{action.parameter}": action.value for action in parse_actions(text)}


PLAIN = {
    "Setting the AC to 22 degrees and lights to 50% brightness": {"ac.temperature": 22, "lights.brightness": 50},
    "I'll set the AC to 20 degrees and the lights to 50%": {"ac.temperature": 20, "lights.brightness": 50},
    "22°C": {"ac.temperature": 22},
    "half brightness": {"lights.brightness": 50},
    "lights at 70 brightness warm": {"lights.brightness": 70, "lights.color": "warm"},
    "cooling to 21, fan 2": {"ac.mode": "cool", "ac.temperature": 21, "ac.fan_speed": 2},
    "bass boost on the speaker": {"speaker.equalizer": "bass boost"},
    "Volume 30 on the telly, HDMI2": {"tv.volume": 30, "tv.input_source": "HDMI2"},
    "I've armed the alarm at volume 7": {"security.armed": True, "security.alarm_volume": 7},
    "I'll dim the lamps to thirty percent, warm": {"lights.brightness": 30, "lights.color": "warm"},
}

TONES = {
    "Done. Heat mode, 23 degrees, low fan.": {"ac.mode": "heat", "ac.temperature": 23, "ac.fan_speed": 1},
    "Certainly. The air conditioning has been set to 19 degrees Celsius in cooling mode, with the fan at 3.": {
        "ac.temperature": 19,
        "ac.mode": "cool",
        "ac.fan_speed": 3,
    },
    "Sure thing, mate — telly's on YouTube, volume 40.": {"tv.input_source": "YouTube", "tv.volume": 40},
    "Perfect! Setting lights to full brightness and playing your energizing playlist at volume 80. Let's go!": {
        "lights.brightness": 100,
        "speaker.volume": 80,
    },
    "Okay… AC at, um, 24 … and the lights at 35%": {"ac.temperature": 24, "lights.brightness": 35},
    "AC: 22°C, auto\nLights: 50%, neutral, static\nSpeaker: 25, balanced": {
        "ac.temperature": 22,
        "ac.mode": "auto",
        "lights.brightness": 50,
        "lights.color": "neutral",
        "lights.mode": "static",
        "speaker.volume": 25,
        "speaker.equalizer": "balanced",
    },
    "- TV: volume=30, input_source=HDMI1, brightness=60": {
        "tv.volume": 30,
        "tv.input_source": "HDMI1",
        "tv.brightness": 60,
    },
    "GOT IT! AC'S GOING TO 24 AND THE FAN’S ON 1!!!": {"ac.temperature": 24, "ac.fan_speed": 1},
    "tv 15 hdmi1": {"tv.volume": 15, "tv.input_source": "HDMI1"},
    "I have dimmed the lights to 20% and set them to a warm, static glow.": {
        "lights.brightness": 20,
        "lights.color": "warm",
        "lights.mode": "static",
    },
    "With pleasure: the thermostat shall be at twenty-one and a half degrees.": {"ac.temperature": 21.5},
    "A/C to 21 ℃, lamps to 40％": {"ac.temperature": 21, "lights.brightness": 40},
}

DEVICES_AND_VALUES = {
    "22 for the AC, 50 for the lights, 30 for the TV.": {
        "ac.temperature": 22,
        "lights.brightness": 50,
        "tv.volume": 30,
    },
    "30 on the speaker and 20 on the TV": {"speaker.volume": 30, "tv.volume": 20},
    "Setting the TV to 30 volume and 50 brightness": {"tv.volume": 30, "tv.brightness": 50},
    "TV: Netflix, 40% volume, 60% brightness.": {
        "tv.input_source": "Netflix",
        "tv.volume": 40,
        "tv.brightness": 60,
    },
    "Volume 20, brightness 40, HDMI two on the television.": {
        "tv.volume": 20,
        "tv.brightness": 40,
        "tv.input_source": "HDMI2",
    },
    "The lights and the TV are at 30% brightness": {"lights.brightness": 30, "tv.brightness": 30},
    "AC 22 fan 2 lights 50 warm": {
        "ac.temperature": 22,
        "ac.fan_speed": 2,
        "lights.brightness": 50,
        "lights.color": "warm",
    },
    "Warm lights at 35 and music at 60 with the bass boosted": {
        "lights.color": "warm",
        "lights.brightness": 35,
        "speaker.volume": 60,
        "speaker.equalizer": "bass boost",
    },
    "Everything's set: 22°C, 50% warm light, volume 30 on the speaker with treble boost.": {
        "ac.temperature": 22,
        "lights.brightness": 50,
        "lights.color": "warm",
        "speaker.volume": 30,
        "speaker.equalizer": "treble boost",
    },
    "Brightness 40, colour cool, mode static for the lights.": {
        "lights.brightness": 40,
        "lights.color": "cool",
        "lights.mode": "static",
    },
    "The AC is on cool and the lights are cool too.": {"ac.mode": "cool", "lights.color": "cool"},
    "AC to 22 (auto, fan 1), lights 40% (warm), speaker 25.": {
        "ac.temperature": 22,
        "ac.mode": "auto",
        "ac.fan_speed": 1,
        "lights.brightness": 40,
        "lights.color": "warm",
        "speaker.volume": 25,
    },
    "I've turned the volume down to 15 on the TV.": {"tv.volume": 15},
    "Brightness on the TV to 40, please wait": {"tv.brightness": 40},
    "Setting the temperature to 22, fan speed to 2, mode to cool.": {
        "ac.temperature": 22,
        "ac.fan_speed": 2,
        "ac.mode": "cool",
    },
    "The alarm is armed, volume 80%.": {"security.armed": True, "security.alarm_volume": 80},
    "Arming the security system with the alarm volume at 65.": {
        "security.armed": True,
        "security.alarm_volume": 65,
    },
    "Putting HDMI 1 on the screen with volume twelve.": {"tv.input_source": "HDMI1", "tv.volume": 12},
    "Speaker first: 45. Then the TV: 20.": {"speaker.volume": 45, "tv.volume": 20},
    "The lights are on dynamic mode, cool white, at a quarter brightness": {
        "lights.mode": "dynamic",
        "lights.color": "cool",
        "lights.brightness": 25,
    },
    "Set the fan to 0 and the AC to 19": {"ac.fan_speed": 0, "ac.temperature": 19},
    "Muting the TV now.": {"tv.volume": 0},
}

SWITCHES = {
    "turning the lights off": {"lights.power": "off"},
    "Lights on, TV off.": {"lights.power": "on", "tv.power": "off"},
    "Switching on the telly.": {"tv.power": "on"},
    "I turned on the lights at 60% brightness.": {"lights.power": "on", "lights.brightness": 60},
    "I'll turn off the lights, the TV and the speaker.": {
        "lights.power": "off",
        "tv.power": "off",
        "speaker.power": "off",
    },
    "TV, lights and speaker: all off.": {"tv.power": "off", "lights.power": "off", "speaker.power": "off"},
    "The music's off.": {"speaker.power": "off"},
    "I'm on it: lights at 80!": {"lights.brightness": 80},
    "The TV is on HDMI1.": {"tv.input_source": "HDMI1"},
    "Alarm disarmed.": {"security.armed": False},
    "Security off, lights on.": {"security.armed": False, "lights.power": "on"},
    "The AC was too loud, so I switched it off.": {"ac.power": "off"},
    "I've turned the fan off and set the AC to 25.": {"ac.temperature": 25, "ac.fan_speed": 0},
}

NEGATION_AND_CORRECTION = {
    "AC at 22, not 20": {"ac.temperature": 22},
    "not 20 but 22 on the thermostat": {"ac.temperature": 22},
    "Lights at 40% instead of 60%": {"lights.brightness": 40},
    "Instead of 20, I've set the AC to 22.": {"ac.temperature": 22},
    "HDMI 2 rather than HDMI 1 for the TV.": {"tv.input_source": "HDMI2"},
    "I've set the AC to 20, sorry, 22 degrees": {"ac.temperature": 22},
    "Lights to 30%, I mean 50%.": {"lights.brightness": 50},
    "Volume 40 on the speaker. Actually, make that 35.": {"speaker.volume": 35},
    "Bumping the temperature up from 20 to 23": {"ac.temperature": 23},
    "Switching from HDMI1 to Netflix": {"tv.input_source": "Netflix"},
    "I cannot set the AC to 35; I've set it to 30.": {"ac.temperature": 30},
    "I won't touch the lights, but the TV is at 20.": {"tv.volume": 20},
    "I haven't armed the alarm.": {},
    "Not only the lights at 50 but also the speaker at 30": {"lights.brightness": 50, "speaker.volume": 30},
}

QUESTIONS = {
    "What brightness level would you like?": {},
    "Would you like the lights at 50%?": {},
    "Is 22 degrees alright?": {},
    "Shall I also turn on the speaker?": {},
    "Lights at 50%?": {},
    "Lights at 50%, okay?": {"lights.brightness": 50},
    "Lights are at 40%, would you like the AC at 22?": {"lights.brightness": 40},
    "The AC is at 22. Anything else?": {"ac.temperature": 22},
    "Let me know if you want the AC at 24.": {},
    "Done, lights at 45% and should I set the TV to 20?": {"lights.brightness": 45},
}

DISTRACTORS = {
    "I'll arm the security system at 7 pm with alarm volume 60": {
        "security.armed": True,
        "security.alarm_volume": 60,
    },
    "In 10 minutes I'll turn off the TV": {"tv.power": "off"},
    "It's 7:30, so the lights are at 30%.": {"lights.brightness": 30},
    "You have 3 guests at 8 o'clock, so the lights are at 80%.": {"lights.brightness": 80},
    "It's 5 degrees outside, so the heating is set to 22": {"ac.temperature": 22},
    "Two degrees warmer: the AC is at 23.": {"ac.temperature": 23},
    "I brought the AC down 2 degrees to 20.": {"ac.temperature": 20},
    "Raising brightness by 10% to 60%.": {"lights.brightness": 60},
    "On May 12 2024 you had the lights at 30.": {"lights.brightness": 30},
    "One moment, the TV goes to 20.": {"tv.volume": 20},
    "Cool, I'll set the AC to 21.": {"ac.temperature": 21},
    "Stay warm and have a cool evening!": {},
    "I read you 2 stories and 3 poems.": {},
    "": {},
}

LABELLED = PLAIN | TONES | DEVICES_AND_VALUES | SWITCHES | NEGATION_AND_CORRECTION | QUESTIONS | DISTRACTORS


@pytest.mark.parametrize(("text", "expected"), LABELLED.items(), ids=[text[:60] or "nothing" for text in LABELLED])
def test_a_sentence_sets_exactly_what_a_person_reads_in_it(text: str, expected: dict[str, object]) -> None:
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
    assert settings("AC to 45 degrees") == {"ac.temperature": 45}


PHRASES = st.sampled_from(
    [word for text in LABELLED for word in text.split()] + ["?", "not", "if", "from", "and", "\n", "%", "°", "..."]
)


@given(st.one_of(st.text(), st.lists(PHRASES, max_size=60).map(" ".join)))
def test_any_text_gives_actions_of_the_five_devices_and_never_fails(text: str) -> None:
    mentioned = devices_mentioned(text)
    assert mentioned <= set(DEVICES)
    seen = set()
    for action in parse_actions(text):
        assert action.device in mentioned or action.parameter in ("power", "armed")
        assert action.parameter == "power" or action.parameter in DEVICES[action.device]
        assert (action.device, action.parameter) not in seen
        seen.add((action.device, action.parameter))


@pytest.mark.parametrize("unit", ["22 ", "set the ac to 22 ", "lights, ", "off tv ", "1", "1.", "warm ", "a half and "])
def test_long_text_takes_linear_time(unit: str) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        start = time.process_time()
        parse_actions(text)
        return time.process_time() - start

    seconds(1_000)
    short, long = min(seconds(20_000) for _ in range(3)), seconds(100_000)
    assert long < 15 * short + 0.05, "five times the text may not take much more than five times as long"
    assert long < 5
