"""What may become a new dialogue of a persona, and what every new one has in common with its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from dataset_strategies import datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data.augment.accept import Refusal, clean, flaw, normal, refused, same
from lab.data.augment.instructions import BACK_TRANSLATIONS, PARAPHRASES
from lab.data.augment.make import ROUNDS, Draw, augment, derived
from lab.data.augment.rewrite import Rewriting
from lab.data.augment.synthesis import Synthesis, reply_flaw, request_flaw
from lab.data.augment.told import told
from lab.data.augment.vary import Context, depends_on_context, varied
from lab.data.augment.wish import Wish
from lab.data.formats.record import CONTROL, MAX_ID
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.metrics.actions import Action

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ADA = Persona("ada", "Ada likes it dim.")


def dialogue(*said: str, name: str = "d1", **fields) -> Dialogue:
    """User and assistant in turn."""
    messages = tuple(Message(("user", "assistant")[i % 2], text) for i, text in enumerate(said))
    context = fields.pop("context", {"weather": "rainy"})
    return Dialogue(name, "ada", fields.pop("at", START), context, messages, **fields)


def polite(n_personas: int = 2, n_dialogues: int = 5) -> Dataset:
    """Personas who say the same every day."""
    personas = tuple(Persona(f"p{i}", f"person {i}") for i in range(n_personas))
    said = (Message("user", "Good evening, dear house!"), Message("assistant", "Good evening."))
    return Dataset(
        personas,
        tuple(
            Dialogue(f"{persona.persona_id}-{day}", persona.persona_id, START + timedelta(days=day), {"day": day}, said)
            for persona in personas
            for day in range(n_dialogues)
        ),
    )


def given_to(prompt) -> str:
    """The text that a prompt is about."""
    return prompt[-1]["content"].partition(': "')[2].removesuffix('"')


def say(prompts, _most):
    """A writer that asks kindly for whatever it is given."""
    return [f"Kindly {given_to(prompt)}" for prompt in prompts]


def alike(texts):
    """An embedder to which all texts are the same."""
    return np.ones((len(texts), 1), dtype=np.float32)


def people(data: Dataset) -> list[tuple[Persona, tuple[Dialogue, ...]]]:
    return [(persona, data.of(persona.persona_id)) for persona in data.personas]


def ways() -> list:
    return [
        Rewriting("paraphrase", PARAPHRASES, say, alike, 0),
        Rewriting("back-translation", BACK_TRANSLATIONS, say, alike, 0),
        Context(0),
        Synthesis(say, 0),
    ]


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


# ---------------------------------------------------------------- every way


@settings(deadline=None, max_examples=30)
@given(datasets(smart_home=True), st.integers(1, 6), st.integers(0, 3), st.sampled_from(range(4)))
def test_what_is_made_stays_with_its_persona_its_source_and_its_number(data, to, seed, number):
    own = {d.dialogue_id: d for d in data.dialogues}
    outcome = augment(ways()[number], people(data), to, seed)
    tally = outcome.tally
    assert tally.made == sum(map(len, outcome.made.values())) == tally.tried - tally.refused.total()
    assert tally.tried <= tally.most
    names = [one.dialogue.dialogue_id for found in outcome.made.values() for one in found]
    assert len({*names, *own}) == len(names) + len(own), "every name is new"
    for persona in data.personas:
        found = outcome.made.get(persona.persona_id, [])
        assert len(found) + len(data.of(persona.persona_id)) <= max(to, len(data.of(persona.persona_id)))
        assert [one.dialogue.started_at for one in found] == sorted(one.dialogue.started_at for one in found)
        for one in found:
            assert {own[name].persona_id for name in one.made_from} == {persona.persona_id}
            assert one.dialogue.persona_id == persona.persona_id
            assert one.dialogue.started_at == own[one.made_from[0]].started_at
            assert same(one.dialogue) not in {same(d) for d in data.of(persona.persona_id)}
        assert len({same(one.dialogue) for one in found}) == len(found)
    again = augment(ways()[number], people(data), to, seed)
    assert again.made == outcome.made


def test_sources_are_taken_in_turn():
    data = polite(n_personas=1, n_dialogues=3)
    outcome = augment(Rewriting("paraphrase", PARAPHRASES, numbered(), alike, 0), people(data), 10, seed=0)
    sources = [one.made_from[0] for one in outcome.made["p0"]]
    assert sorted(sources.count(f"p0-{n}") for n in range(3)) == [2, 2, 3]


def numbered():
    """A writer that never writes the same twice."""
    count = iter(range(10_000))
    return lambda prompts, _most: [
        f"greetings {'abcdefghij'[next(count) % 10]} {p[-1]['content'][-1]}" for p in prompts
    ]


def test_a_persona_that_cannot_reach_the_number_is_left_with_what_there_is():
    data = polite(n_personas=2, n_dialogues=3)
    outcome = augment(Rewriting("paraphrase", PARAPHRASES, say, alike, 0), people(data), 50, seed=0)
    assert outcome.tally.asked == 2 * 47
    assert outcome.tally.tried == outcome.tally.most == 2 * 3 * ROUNDS
    assert outcome.tally.made == 2 * 3, "the writer says the same in every round"
    assert outcome.tally.refused == {Refusal.DUPLICATE: 2 * 3 * (ROUNDS - 1)}
    assert outcome.fewest == 6


def test_who_has_enough_is_given_nothing():
    outcome = augment(Rewriting("paraphrase", PARAPHRASES, say, alike, 0), people(polite()), 5, seed=0)
    assert (outcome.tally.asked, outcome.tally.tried, outcome.made) == (0, 0, {})


def test_names_say_how_a_dialogue_came_about_and_stay_within_bounds():
    short = derived(Draw(ADA, (), dialogue("hi", "ho", name="d7"), 2), "paraphrase")
    assert short.dialogue.dialogue_id == "d7~paraphrase3"
    names = {
        derived(Draw(ADA, (), dialogue("hi", "ho", name="x" * 199 + end), 0), "back-translation").dialogue.dialogue_id
        for end in "ab"
    }
    assert {len(name) for name in names} == {MAX_ID}
    assert len(names) == 2


# ---------------------------------------------------------------- rewriting


def test_the_user_says_it_otherwise_and_the_assistant_word_for_word():
    source = dialogue("Lights to 40 please", "Lights at 40.", "Thanks a lot", "Any time.")
    (found,) = Rewriting("paraphrase", PARAPHRASES, say, alike, 0).propose([Draw(ADA, (source,), source, 0)])
    said = [message.content for message in found.dialogue.messages]
    assert said == ["Kindly Lights to 40 please", "Lights at 40.", "Kindly Thanks a lot", "Any time."]
    assert found == derived(Draw(ADA, (source,), source, 0), "paraphrase", messages=found.dialogue.messages)


def test_a_message_that_cannot_be_rewritten_keeps_its_words_while_they_are_the_lesser_part():
    source = dialogue("Lights to 40 please", "At 40.", "And the TV on", "On.", "Thanks", "Any time.")

    def lose_numbers(prompts, _most):
        return [f"Kindly {given_to(prompt).replace('40', '')}" for prompt in prompts]

    def lose_all(prompts, _most):
        return ["" for _ in prompts]

    draw = Draw(ADA, (source,), source, 0)
    (half,) = Rewriting("paraphrase", PARAPHRASES, lose_numbers, alike, 0).propose([draw])
    said = [message.content for message in half.dialogue.messages if message.role == "user"]
    assert said == ["Lights to 40 please", "Kindly And the TV on", "Thanks"]
    assert Rewriting("paraphrase", PARAPHRASES, lose_all, alike, 0).propose([draw]) == [Refusal.EMPTY]


def test_a_translation_goes_there_and_back():
    seen = []

    def translate(prompts, _most):
        seen.append([(prompt[-1]["content"].partition(":")[0], given_to(prompt)) for prompt in prompts])
        return [f"the lights {'here' if seen[1:] else 'there'}" for _ in prompts]

    source = dialogue("Do the lights", "Done.")
    draws = [Draw(ADA, (source,), source, number) for number in range(ROUNDS)]
    found = Rewriting("back-translation", BACK_TRANSLATIONS, translate, alike, 0).propose(draws)
    there, back = seen
    assert len({task for task, _ in there}) == ROUNDS, "another language in each round"
    assert {text for _, text in there} == {"Do the lights"}
    assert set(back) == {("Translate this sentence into English", "the lights there")}
    assert [one.dialogue.messages[0].content for one in found] == ["the lights here"] * ROUNDS


@pytest.mark.parametrize("stages", [PARAPHRASES, BACK_TRANSLATIONS])
def test_examples_keep_what_they_are_told_to_keep(stages):
    assert len(stages) == ROUNDS
    for stage in stages:
        for one in stage:
            for message, answer in one.examples:
                assert told(message).numbers == told(answer).numbers
                if len(stages[0]) == 1:
                    assert refused(message, answer, 1.0) is None


# ---------------------------------------------------------------- context


@pytest.mark.parametrize(
    ("found", "depends"),
    [
        (dialogue("Lights to 40", "Lights at 40 percent."), False),
        (dialogue("Arm the alarm", "The alarm is armed."), False),
        (dialogue("TV to Netflix", "The TV is on Netflix."), False),
        (dialogue("AC to 20", "AC at 20.", "A bit warmer", "AC at 22."), False),
        (dialogue("How was your day?", "Fine, thank you.", applied_routines=()), False),
        (dialogue("How was your day?", "Fine, thank you.", task_type="simple"), False),
        (dialogue("How was your day?", "Fine, thank you."), True),
        (dialogue("Lights on", "Lights at 40 percent."), True),
        (dialogue("Lights to 40", "Lights at 40 percent, TV on Netflix."), True),
        (dialogue("Lights to 40", "Lights at 40 percent.", task_type="context-dependent"), True),
        (dialogue("Lights to 40", "Lights at 40 percent.", applied_routines=(0,)), True),
        (dialogue("Lights to 40", "Lights at 40 percent.", applied_routines=()), False),
    ],
)
def test_an_answer_depends_on_the_situation_where_it_sets_what_was_not_said(found, depends):
    assert depends_on_context(found) == depends


def test_the_data_are_believed_about_what_was_set():
    said = dialogue("Lights to 40", "Done.")
    answer = replace(said.messages[1], actions={"lights": {"brightness": 40, "color": "warm"}})
    assert depends_on_context(replace(said, messages=(said.messages[0], answer)))


def test_what_a_dialogue_speaks_of_stays():
    one = dialogue("It rains so hard, TV on", "On.", context={"weather": "rainy", "time_of_day": "night"})
    other = dialogue("Hi there", "Hi.", context={"weather": "sunny", "time_of_day": "morning"})
    assert varied(one, other) == {"weather": "rainy", "time_of_day": "morning"}


@settings(deadline=None, max_examples=30)
@given(datasets(smart_home=True), st.integers(0, 3))
def test_another_situation_is_one_the_persona_was_in(data, seed):
    own = {d.dialogue_id: d for d in data.dialogues}
    for found in augment(Context(seed), people(data), 20, seed).made.values():
        for one in found:
            source, other = (own[name] for name in one.made_from)
            assert one.dialogue.messages == source.messages
            assert one.dialogue.context != source.context
            assert not source.applied_routines
            for key, value in one.dialogue.context.items():
                assert value in (source.context[key], other.context[key])


def test_every_other_situation_is_tried_before_one_is_given_up():
    at = [START + timedelta(days=day) for day in range(4)]
    own = [dialogue("Hi there", "Hi.", name="d0", at=at[0], context={"weather": "w0"}, applied_routines=())]
    own += [
        dialogue(f"Lights on {day}", "At 40 percent.", name=f"d{day}", at=at[day], context={"weather": f"w{day}"})
        for day in (1, 2, 3)
    ]
    outcome = augment(Context(0), [(ADA, own)], 50, seed=0)
    assert {one.dialogue.context["weather"] for one in outcome.made["ada"]} == {"w1", "w2", "w3"}
    assert outcome.tally.refused == {Refusal.UNCHANGED: 3}


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
