"""What a text tells, and what may become a new dialogue of a persona."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.data.augment.accept import Refusal, clean, flaw, normal, refused
from lab.data.augment.told import told
from lab.data.formats.record import CONTROL

# ---------------------------------------------------------------- what a text tells


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Set the lights to 40%.", "Could you set the lights to forty percent?"),
        ("Turn the TV off.", "Would you switch off the telly, please?"),
        ("Put the AC at 24 and the stereo on.", "The stereo on, and the air con at 24."),
        ("A bit warmer.", "Make it just slightly hotter, would you?"),
        ("It's dark, isn't it?", "It's dark, right?"),
    ],
)
def test_the_same_wish_tells_the_same_however_it_is_phrased(one, other):
    assert told(one) == told(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Set the lights to 40%.", "Set the lights to 45%."),
        ("Set the lights to 40%.", "Set the lights."),
        ("Set the lights to 40%.", "Set the TV to 40%."),
        ("Turn the TV off.", "Turn the TV on."),
        ("The telly to HDMI 1.", "The telly to HDMI 2."),
        ("The AC on heating.", "The AC on cooling."),
        ("TV volume 20.", "TV brightness 20."),
        ("Arm the alarm.", "Disarm the alarm."),
        ("A bit warmer.", "A bit cooler."),
        ("Do the lights.", "Don't do the lights."),
        ("Lights to 40 in ten minutes.", "Lights to 40 in five minutes."),
    ],
)
def test_another_wish_tells_something_else(one, other):
    assert told(one) != told(other)


# ---------------------------------------------------------------- what will do


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"Lights to 40, please."', "Lights to 40, please."),
        ("\n\n  Lights to 40.\nThe user wants light.", "Lights to 40."),
        ("Rewritten: Lights to 40.", "Lights to 40."),
        ('Here is the new wording: "Lights to 40."', "Lights to 40."),
        ("Plot twist: lights to 40!", "Plot twist: lights to 40!"),
        ("“Lights to 40,” says she", "Lights to 40, says she"),
        ("Lights\x07 to\t 40", "Lights to 40"),
        ("\n \n", ""),
        ('""', ""),
    ],
)
def test_the_text_itself_is_taken_from_what_was_written(written, text):
    assert clean(written) == text


@given(st.text(max_size=80))
def test_a_text_without_flaw_can_stand_in_a_data_set(written):
    text = clean(written)
    assert not CONTROL.search(text)
    assert "\n" not in text
    if flaw(text, ["word " * 40]) is None:
        assert normal(text)
        assert "\ufffd" not in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Could you set the lights to 40, please?", None),
        ("", Refusal.EMPTY),
        ("?!", Refusal.EMPTY),
        ("Lights to 40 \ufffd", Refusal.UNREADABLE),
        ("Please set the lights to 40", Refusal.UNCHANGED),
        ("Sure, I set the lights to 40.", Refusal.ANSWER),
        ("I'm happy to help you with the lights at 40.", Refusal.ANSWER),
        ("Set your lights to 40.", Refusal.ANSWER),
        ("Could you set the lights to 50, please?", Refusal.OTHER_MEANING),
        ("Could you set the TV to 40, please?", Refusal.OTHER_MEANING),
        ("Could you not set the lights to 40, please?", Refusal.OTHER_MEANING),
        ("Set the lights, the lights, the lights to 40.", Refusal.REPEATS),
        ("So " + " ".join("abcdefghijklmnopqrstuvwxyz") + " lights to 40.", Refusal.TOO_LONG),
    ],
)
def test_a_rewritten_message_is_refused_for_one_reason(text, reason):
    assert refused("Please, set the lights to 40!", text, 0.9) == reason


def test_a_rewritten_message_stays_near_its_source():
    source, text = "Please, set the lights to 40!", "Could you set the lights to 40, please?"
    assert refused(source, text, 0.6) is None
    assert refused(source, text, 0.59) == Refusal.FAR


@pytest.mark.parametrize(
    ("source", "text", "reason"),
    [
        ("The AC to 18, lights brightness 59.", "The AC to 59, lights brightness 18.", Refusal.OTHER_MEANING),
        ("Is the telly on?", "The telly is on.", Refusal.OTHER_MEANING),
        ("Is the telly on?", "I wonder whether the telly is on.", None),
        ("Could you do the telly?", "Please do the telly.", None),
        ("I'm sorry, the telly again.", "I'm sorry, it's the telly again.", None),
        ("Go on and on and on and on.", "Just go on and on and on and on.", None),
    ],
)
def test_the_same_words_may_mean_something_else(source, text, reason):
    assert refused(source, text, 0.9) == reason
