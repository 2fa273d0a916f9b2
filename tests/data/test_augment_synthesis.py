"""New requests of a persona, and answers to them."""

from __future__ import annotations

import pytest
from to_augment import ADA, dialogue, given_to

from lab.data.augment.accept import Refusal
from lab.data.augment.make import Draw
from lab.data.augment.synthesis import Synthesis, reply_flaw, request_flaw
from lab.data.augment.told import told
from lab.data.augment.wish import Wish
from lab.metrics.actions import Action

# ---------------------------------------------------------------- synthesis


def test_a_new_request_is_asked_for_after_three_own_ones_and_then_answered():
    own = tuple(dialogue(f"Lights to {n}0", f"Lights at {n}0.", name=f"d{n}") for n in range(1, 6))
    asked, prompts = [], []

    def writer(given, _most):
        prompts.extend(given)
        asked.append(given_to(given[0]))
        return [f"Hey, {asked[-1]}"]

    (found,) = Synthesis(writer, 0).propose([Draw(ADA, own, own[0], 0)])
    wish, answer = (" ".join(message["content"] for message in prompt) for prompt in prompts)
    assert ADA.description in wish
    assert ADA.description in answer
    assert found.made_from[0] == "d1"
    assert len(set(found.made_from)) == 3
    for one in own:
        assert (f'"{one.messages[0].content}"' in wish) == (one.dialogue_id in found.made_from)
        assert (f'"{one.messages[1].content}"' in answer) == (one.dialogue_id in found.made_from)
    request, reply = (message.content for message in found.dialogue.messages)
    assert [request, reply] == [f"Hey, {one}" for one in asked]
    assert told(request).numbers == told(reply).numbers
    assert told(request).numbers[0] in {"20", "30", "40", "50"}, "a value that the persona had set, not the source's"
    assert (found.dialogue.started_at, found.dialogue.context) == (own[0].started_at, own[0].context)


@pytest.mark.parametrize(
    ("wish", "order", "report"),
    [
        ([("lights", "brightness", 40)], "Set the lights brightness to 40.", "The lights brightness is 40."),
        ([("tv", "input_source", "AV")], "Set the TV input source to AV.", "The TV input source is AV."),
        ([("tv", "power", "off")], "Turn the TV off.", "The TV is off."),
        ([("security", "armed", True)], "Have the security armed.", "The security is armed."),
        (
            [("security", "armed", False), ("ac", "temperature", 21.5)],
            "Have the security not armed and set the AC temperature to 21.5.",
            "The security is not armed and the AC temperature is 21.5.",
        ),
        ([], "", ""),
    ],
)
def test_a_wish_is_told_plainly(wish, order, report):
    found = Wish(tuple(Action(*setting) for setting in wish))
    assert (found.order, found.report) == (order, report)


LIGHTS = Wish((Action("lights", "brightness", 20),))


@pytest.mark.parametrize(
    ("wish", "request_", "reason"),
    [
        (LIGHTS, "Dim the lamp to 20", None),
        (LIGHTS, "Some light please", Refusal.OTHER_MEANING),
        (LIGHTS, "Dim the lamp to 30", Refusal.OTHER_MEANING),
        (LIGHTS, "The TV to 20", Refusal.OTHER_MEANING),
        (LIGHTS, "Set the lights brightness to 20", Refusal.UNCHANGED),
        (LIGHTS, "Sure, lights at 20.", Refusal.ANSWER),
        (LIGHTS, "", Refusal.EMPTY),
        (LIGHTS, " ".join("abcdefghijklmnopqrstuvwxyz"), Refusal.TOO_LONG),
        (Wish(), "How are you today?", None),
    ],
)
def test_a_request_must_be_one_that_this_user_would_make(wish, request_, reason):
    assert request_flaw(request_, ["Lights to 40", "TV on"], wish) == reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("There you are, lights at 20.", None),
        ("The lights are on.", Refusal.OTHER_MEANING),
        ("The lights are at 20 on cool white.", Refusal.OTHER_MEANING),
        ("The lights are at 20 and the TV is on.", Refusal.OTHER_MEANING),
        ("The lights brightness is 20!", Refusal.UNCHANGED),
        ("Oh, lamp at 20 when you can", Refusal.UNCHANGED),
        ("", Refusal.EMPTY),
    ],
)
def test_an_answer_must_fit_the_wish(reply, reason):
    assert reply_flaw(reply, "Lamp at 20 when you can", ["Lights at 40.", "The TV is on."], LIGHTS) == reason


def test_without_a_wish_an_answer_must_fit_its_request():
    like = ["It was fine, thank you."]
    assert reply_flaw("Very well at 8.", "How was it at 8?", like, Wish()) is None
    assert reply_flaw("Very well at 9.", "How was it at 8?", like, Wish()) == Refusal.OTHER_MEANING
    assert reply_flaw("Very well, lights on.", "How was it at 8?", like, Wish()) == Refusal.OTHER_MEANING


def test_where_settings_are_rare_something_is_asked_for_all_the_same():
    own = tuple(dialogue(f"How do you do, {name}?", f"Lights at {name}.", name=name) for name in ("ab", "20"))
    asked = []

    def writer(prompts, _most):
        asked.extend(prompt[-1]["content"] for prompt in prompts)
        return ["Nice to see you"] if len(asked) == 1 else ["And you, too."]

    (found,) = Synthesis(writer, 0).propose([Draw(ADA, own, own[0], 0)])
    assert found.made_from == ("ab", "20")
    assert asked == [
        "Write a sentence that the user says.",
        'Write a sentence that the assistant says to "Nice to see you".',
    ]
