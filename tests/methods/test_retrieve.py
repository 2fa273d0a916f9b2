"""Retrieval shows a persona's own older dialogues and nothing else, in an order that can be counted on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lab.data.generate.generate import generate
from lab.data.split import split_by_time
from lab.data.types import Dialogue, Message
from lab.errors import LabError
from lab.methods.prompt import system_text, to_messages
from lab.methods.retrieve import MAX_CHARACTERS, MAX_LINE, History, Retrieval, query_text, shown, text_of

START = datetime(2024, 3, 1, 8, tzinfo=UTC)
ORDERS = ["similarity", "recency", "both"]
FORMS = ["examples", "summary", "preferences"]


def embed(texts: Sequence[str]) -> NDArray[np.float64]:
    """Bags of words as unit rows [n, 64]."""
    rows = np.zeros((len(texts), 64))
    rows[:, 0] = 1e-3  # a text without words has a direction too
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row[zlib.crc32(word.encode()) % 64] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def dialogue(name: str, day: int, asked: str = "hello", answered: str = "Hi.", **context: object) -> Dialogue:
    messages = (Message("user", asked), Message("assistant", answered))
    return Dialogue(name, "ada", START + timedelta(days=day), dict(context), messages)


def history(dialogues: Sequence[Dialogue], persona: str = "ada") -> History:
    return History(persona, dialogues, embed([text_of(one) for one in dialogues]))


def names(dialogues: Sequence[Dialogue]) -> list[str]:
    return [one.dialogue_id for one in dialogues]


words = st.text("abcdefghij", min_size=1, max_size=4)
sentences = st.lists(words, min_size=1, max_size=5).map(" ".join)


@st.composite
def histories(draw: st.DrawFn) -> list[Dialogue]:
    """Up to eight dialogues in any order, some of the same day, some of the same words."""
    days = draw(st.lists(st.integers(0, 6), max_size=8))
    return [dialogue(f"d{i}", day, draw(sentences), draw(sentences)) for i, day in enumerate(days)]


# ---------------------------------------------------------------- which


@given(histories(), sentences, st.integers(0, 7), st.integers(0, 12), st.sampled_from(ORDERS))
def test_what_is_found_is_older_distinct_and_as_much_as_asked_for_or_there_is(dialogues, query, day, k, by):
    before = START + timedelta(days=day)
    found = history(dialogues).nearest(embed([query])[0], before, k, by)
    assert all(one.started_at < before for one in found)
    assert all(one in dialogues for one in found)
    assert len(set(names(found))) == len(found)
    assert len(found) == min(k, sum(one.started_at < before for one in dialogues))


@given(histories(), sentences, st.integers(0, 7), st.integers(0, 8), st.sampled_from(ORDERS))
def test_fewer_are_the_beginning_of_more_and_the_order_of_the_data_does_not_matter(dialogues, query, day, k, by):
    vector, before = embed([query])[0], START + timedelta(days=day)
    everything = history(dialogues).nearest(vector, before, 100, by)
    assert history(dialogues).nearest(vector, before, k, by) == everything[:k]
    assert history(dialogues[::-1]).nearest(vector, before, k, by) == everything[:k]


@given(histories(), sentences, st.integers(0, 7), st.sampled_from(ORDERS))
def test_what_is_not_older_changes_nothing(dialogues, query, day, by):
    vector, before = embed([query])[0], START + timedelta(days=day)
    older = [one for one in dialogues if one.started_at < before]
    assert history(dialogues).nearest(vector, before, 5, by) == history(older).nearest(vector, before, 5, by)


@given(histories(), sentences)
def test_by_similarity_cosines_fall(dialogues, query):
    vector = embed([query])[0]
    found = history(dialogues).nearest(vector, START + timedelta(days=9), 8, "similarity")
    cosines = embed([text_of(one) for one in found]) @ vector if found else np.zeros(0)
    assert all(np.diff(cosines) <= 1e-6)


@given(histories(), sentences)
def test_by_recency_times_fall_and_the_query_is_not_looked_at(dialogues, query):
    found = history(dialogues).nearest(embed([query])[0], START + timedelta(days=9), 8, "recency")
    assert found == sorted(sorted(found, key=lambda d: d.dialogue_id), key=lambda d: d.started_at, reverse=True)
    assert found == history(dialogues).nearest(np.zeros(0), START + timedelta(days=9), 8, "recency")


def test_by_both_is_the_sum_of_cosine_and_place_in_time():
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]])
    found = History("ada", [dialogue("old", 0), dialogue("mid", 1), dialogue("new", 2)], rows)
    # 1 + 0, 0.6 + 1/2, 0 + 1
    assert names(found.nearest(np.array([1, 0]), START + timedelta(days=9), 3, "both")) == ["mid", "new", "old"]
    # the newest of two is 1: 1 + 0, 0.6 + 1
    assert names(found.nearest(np.array([1, 0]), START + timedelta(days=2), 3, "both")) == ["mid", "old"]


@pytest.mark.parametrize("by", ORDERS)
def test_equals_come_newest_first_and_then_by_name(by):
    same = [dialogue("a", 0), dialogue("c", 1), dialogue("b", 1)]
    assert names(history(same).nearest(embed(["hello"])[0], START + timedelta(days=9), 3, by)) == ["b", "c", "a"]


def test_a_dialogue_of_the_very_same_moment_is_not_older():
    assert history([dialogue("a", 0)]).nearest(embed(["hello"])[0], START, 1, "similarity") == []


@pytest.mark.parametrize("by", ORDERS)
def test_an_empty_history_has_nothing_to_find(by):
    assert history([]).nearest(embed(["hello"])[0], START, 3, by) == []


def test_another_personas_dialogue_is_refused():
    with pytest.raises(LabError, match="history of persona bo: dialogue a belongs to persona ada"):
        history([dialogue("a", 0)], persona="bo")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((2, 1)), r"shape \(2, 1\) given, \[1, d\] expected"),
        (np.ones(1), r"shape \(1,\) given"),
        (np.array([[3.0, 4.0]]), "not of length 1"),
        (np.array([[np.nan, 1.0]]), "not of length 1"),
    ],
)
def test_vectors_that_are_not_unit_rows_are_refused(rows, said):
    with pytest.raises(LabError, match=said):
        History("ada", [dialogue("a", 0)], rows)


def test_a_query_of_another_embedding_is_refused():
    with pytest.raises(LabError, match="its vector has 2 numbers, the history's have 64"):
        history([dialogue("a", 0)]).nearest(np.array([1.0, 0.0]), START + timedelta(days=1), 1, "both")


def test_less_than_nothing_cannot_be_retrieved():
    with pytest.raises(LabError, match="k is -1"):
        history([dialogue("a", 0)]).nearest(embed(["hello"])[0], START, -1, "recency")
    with pytest.raises(LabError, match="k is -1"):
        Retrieval(-1)
    with pytest.raises(LabError, match=r"'by' is 'luck'; use one of similarity, recency, both"):
        Retrieval(3, by="luck")  # type: ignore[arg-type]
    with pytest.raises(LabError, match=r"'as' is 'song'; use one of examples, summary, preferences"):
        Retrieval(3, as_="song")  # type: ignore[arg-type]


# ---------------------------------------------------------------- what is searched with


def test_the_query_is_what_the_user_said_so_far_and_nothing_the_assistant_said_or_will_say():
    spoken = [
        {"role": "user", "content": "Lights on."},
        {"role": "assistant", "content": "They are on."},
        {"role": "user", "content": "A bit dimmer."},
        {"role": "assistant", "content": "Now at 40%."},
    ]
    messages = to_messages({"weather": "rainy"}, spoken, "The user: likes it dim.")
    assert query_text(messages[:2]) == "Lights on."
    assert query_text(messages[:4]) == query_text(messages) == "Lights on.\nA bit dimmer."


def test_a_dialogue_is_found_by_the_same_text_as_it_would_be_searched_with():
    one = generate(1, 3).dialogues[0]
    assert text_of(one) == query_text([{"role": m.role, "content": m.content} for m in one.messages])


# ---------------------------------------------------------------- how it is shown


@st.composite
def marked(draw: st.DrawFn) -> list[Dialogue]:
    """Dialogues in which every word says where it comes from; one turn of each is short enough to be shown."""
    days = draw(st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True))
    return [dialogue(f"d{day}", day, f"asked{day}x", f"answered{day}x", place=f"place{day}x") for day in days]


@given(marked(), st.data())
def test_the_text_holds_the_words_of_what_was_chosen_and_of_nothing_else(dialogues, data):
    chosen = [one for one in dialogues if data.draw(st.booleans())]
    examples, summary = shown(chosen, "examples"), shown(chosen, "summary")
    for one in dialogues:
        day = one.dialogue_id[1:]
        for text in (f"asked{day}x", f"place{day}x"):
            assert (text in examples) == (text in summary) == (one in chosen)
        assert (f"answered{day}x" in examples) == (one in chosen)


@given(marked(), st.randoms(use_true_random=False), st.sampled_from(FORMS))
def test_the_same_dialogues_are_the_same_text_in_whatever_order_they_were_found(dialogues, random, form):
    other = list(dialogues)
    random.shuffle(other)
    assert shown(other, form) == shown(dialogues, form)


@given(marked(), st.sampled_from(["examples", "summary"]))
def test_the_newest_stands_nearest_to_the_question(dialogues, form):
    text = shown(dialogues, form)
    places = [text.index(f"asked{day}x") for day in sorted(int(one.dialogue_id[1:]) for one in dialogues)]
    assert places == sorted(places)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_to_show_is_no_text_at_all(form):
    assert shown([], form) == ""


def test_a_dialogue_that_shows_no_preference_makes_no_preferences():
    assert shown([dialogue("a", 0)], "preferences") == ""


def test_an_example_reads_as_it_was_said():
    one = dialogue("a", 0, "Lights,\n please.", "Lights at 40%.", time_of_day="morning", sun_phase="before_sunrise")
    assert shown([one], "examples") == (
        "Earlier conversations with this user:\n"
        "[2024-03-01 08:00, morning, before sunrise]\n"
        "User: Lights, please.\n"
        "Assistant: Lights at 40%."
    )


def test_a_summary_says_when_what_was_asked_and_what_was_set():
    one = dialogue(
        "a", 0, "Lights, please.", "The lights are at 40% and the alarm is armed.", weather="rainy", guests=2
    )
    assert shown([one], "summary") == (
        "Earlier conversations with this user, in short:\n"
        '- 2024-03-01 08:00, rainy, guests 2: asked "Lights, please."; set lights brightness 40, security armed'
    )


def test_preferences_are_those_of_just_these_dialogues():
    one = dialogue("a", 0, "Lights, please.", "The lights are at 40%.")
    assert shown([one], "preferences").endswith("usual settings: lights brightness 40.")


def long(turns: int, words: int) -> Dialogue:
    messages = [
        Message(role, " ".join(f"{role[0]}{turn}.{i}" for i in range(words)))  # type: ignore[arg-type]
        for turn in range(turns)
        for role in ("user", "assistant")
    ]
    return Dialogue("a", "ada", START, {}, tuple(messages))


@given(st.integers(1, 12), st.integers(1, 60))
def test_an_example_is_cut_after_a_whole_turn_and_keeps_within_its_characters(turns, words):
    one = long(turns, words)
    _, _, *body = shown([one], "examples").split("\n")
    cut = body[-1] == "…"
    spoken = body[:-1] if cut else body
    assert sum(map(len, spoken)) <= MAX_CHARACTERS
    whole = [f"{m.role.capitalize()}: {m.content}" for m in one.messages]
    if cut or not body[-1].endswith("…"):
        assert spoken == whole[: len(spoken)]
        assert len(spoken) % 2 == 0
        assert cut == (len(spoken) < len(whole))
    else:  # not even the first turn fits: its beginning, in whole words
        assert "\n".join(whole[:2]).startswith("\n".join(body).removesuffix("…"))
        assert body[-1].removesuffix("…").split()[-1] in whole[len(body) - 1].split()


def test_a_long_request_and_a_long_context_are_cut_in_a_summary():
    one = dialogue("a", 0, "please " * 100, note="words " * 100)
    _, line = shown([one], "summary").split("\n")
    assert len(line) <= 2 * MAX_LINE + len('- : asked ""')
    assert line.count("…") == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by", ORDERS)
def test_no_word_of_val_or_test_or_of_another_persona_is_ever_shown(form, by):
    dataset = generate(personas=3, dialogues=10, seed=5)
    split = split_by_time(dataset)
    known = {one.dialogue_id: one for one in dataset.dialogues}
    for persona_id, parts in split.personas.items():
        own = history([known[name] for name in parts.train], persona_id)
        allowed = {m.content for name in parts.train for m in known[name].messages}
        foreign = [m.content for d in dataset.dialogues for m in d.messages if m.content not in allowed]
        for name in (*parts.train, *parts.val, *parts.test):
            asked = known[name]
            found = own.nearest(embed([text_of(asked)])[0], asked.started_at, 3, by)
            assert {one.persona_id for one in found} <= {persona_id}
            assert set(names(found)) <= set(parts.train) - {name}
            text = shown(found, form)
            assert not [content for content in foreign if f": {content}\n" in f"{text}\n" or f'"{content}"' in text]


# ---------------------------------------------------------------- in the system message


def test_what_is_known_of_the_user_follows_the_situation_after_a_blank_line():
    context = {"time_of_day": "evening"}
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello."}]
    plain, told = to_messages(context, turns), to_messages(context, turns, "The user: likes it dim.")
    assert told[0]["content"] == f"{system_text(context)}\n\nThe user: likes it dim.\nBe kind."
    assert told[1:] == plain[1:]
    assert system_text({}, "The user: likes it dim.") == f"{system_text({})}\n\nThe user: likes it dim."


def test_with_nothing_known_the_message_is_what_it_always_was():
    context = {"time_of_day": "evening", "weather": "rainy"}
    said = (
        "You are the user's personal assistant. Answer in one or two short sentences. "
        "Situation: time of day: evening; weather: rainy."
    )
    assert system_text(context) == system_text(context, "") == said
    assert to_messages(context, [], "") == to_messages(context, []) == [{"role": "system", "content": said}]
