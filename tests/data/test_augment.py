"""What every new dialogue of a persona has in common with its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from dataset_strategies import datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from to_augment import ADA, START, alike, dialogue, given_to, people, polite, say, ways

from lab.data.augment.accept import Refusal, refused, same
from lab.data.augment.instructions import BACK_TRANSLATIONS, PARAPHRASES
from lab.data.augment.make import ROUNDS, Draw, augment, derived
from lab.data.augment.rewrite import Rewriting
from lab.data.augment.told import told
from lab.data.augment.vary import Context, depends_on_context, varied
from lab.data.formats.record import MAX_ID

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
