"""An answer as it is read out: whole characters, no stop string, only what is new is read."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import Scripted, complete, random_rows, say, scripted_resident

from lab.models.answer import answer_text, settled_text
from lab.models.chat_template import encode_prompt
from lab.models.likelihood import nll
from lab.models.resident import Resident
from lab.models.serve import Row, Stopped, generate, stream

texts = st.text(
    st.one_of(st.sampled_from("aé何🙂👩‍🚀 \n"), st.characters(exclude_categories=["Cs"])), max_size=20
).filter(lambda text: "\ufffd" not in text and not any(mark in text for mark in ("<", "[/")))


@pytest.mark.parametrize("seed", range(3))
def test_streaming_gives_the_same_text_and_never_half_a_character(resident, names, seed):
    rows = random_rows(names, 40 + seed, 8)
    for row, answer in zip(rows, generate(resident, rows, max_new_tokens=25), strict=True):
        pieces = list(stream(resident, row, max_new_tokens=25))
        assert "".join(pieces) == answer.text
        assert all(pieces)
        assert not any(piece.endswith("\ufffd") for piece in pieces)


@settings(max_examples=40, deadline=None)
@given(text=texts, limit=st.integers(1, 60))
def test_any_text_streams_whole_characters(make_model, tokenizer, text, limit):
    resident = scripted_resident(make_model, tokenizer)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    resident.head = Scripted(resident, [*ids, tokenizer.eos_token_id])
    pieces = list(stream(resident, Row([say("user", "hi")]), max_new_tokens=limit))
    assert not any("\ufffd" in piece for piece in pieces)
    assert text.startswith("".join(pieces))
    if limit > len(ids):
        assert "".join(pieces) == text


@settings(max_examples=40, deadline=None)
@given(before=texts, after=texts)
def test_a_stop_string_ends_the_answer_and_no_part_of_it_is_shown(make_model, tokenizer, before, after):
    resident = scripted_resident(make_model, tokenizer, stop_strings=("[/end]",))
    ids = tokenizer(before + "[/end]" + after, add_special_tokens=False)["input_ids"]
    row = Row([say("user", "hi")])
    resident.head = Scripted(resident, [*ids, tokenizer.eos_token_id])
    assert "".join(stream(resident, row, max_new_tokens=200)) == before
    resident.head = Scripted(resident, [*ids, tokenizer.eos_token_id])
    assert generate(resident, [row], max_new_tokens=200)[0].text == before


def test_a_half_written_stop_string_is_held_back_until_it_is_clear(make_model, tokenizer):
    base = scripted_resident(make_model, tokenizer, stop_strings=("[/end]",)).base
    ids = tokenizer("ok [/en", add_special_tokens=False)["input_ids"]
    assert settled_text(base, ids) == "ok "
    assert answer_text(base, ids) == "ok [/en"


def test_an_answer_ends_at_any_end_token_and_shows_no_special_token(make_model, tokenizer):
    resident = scripted_resident(make_model, tokenizer)
    header, end = tokenizer.convert_tokens_to_ids(["<|header|>", "<|im_end|>"])
    resident.base.eos_ids = frozenset({end, tokenizer.eos_token_id})
    for stop in resident.base.eos_ids:
        ids = [header, *tokenizer("warm", add_special_tokens=False)["input_ids"]]
        resident.head = Scripted(resident, [*ids, stop])
        (answer,) = generate(resident, [Row([say("user", "hi")])])
        assert answer.text == "warm"
        assert list(answer.token_ids) == ids


def test_serving_stops_within_a_token(resident, names):
    rows = random_rows(names, 6, 6)
    calls = itertools.count()
    with pytest.raises(Stopped):
        generate(resident, rows, 100, should_stop=lambda: next(calls) == 3)
    assert next(calls) == 4
    answer = "".join(stream(resident, rows[0], 100))
    calls = itertools.count()
    part = "".join(stream(resident, rows[0], 100, should_stop=lambda: next(calls) == 3))
    assert answer.startswith(part)
    assert next(calls) == 4
    with pytest.raises(Stopped):
        nll(resident, [complete(row) for row in rows], should_stop=lambda: True)


def test_the_next_turn_of_a_chat_reads_only_what_is_new(resident, names, monkeypatch):
    read: list[int] = []
    hidden = Resident.hidden

    def counting(self: Resident, ids: torch.Tensor, *rest: object) -> torch.Tensor:
        read.append(int((ids >= 0).sum()))
        return hidden(self, ids, *rest)

    monkeypatch.setattr(Resident, "hidden", counting)
    messages = [say("user", "warm lights please")]
    for turn in range(3):
        for stack in ((), ((names[0], 1.0), (names[6], 1.0), (names[8], 1.0))):  # two recipes side by side
            row = Row(messages, stack)
            read.clear()
            text = "".join(stream(resident, row, 10))
            prompt = len(encode_prompt(resident.base.tokenizer, messages))
            assert read[0] == prompt if turn == 0 else read[0] < prompt / 2
            assert text == generate(resident, [row], 10)[0].text
        messages = [*messages, say("assistant", text), say("user", f"again {turn}")]
    changed = [say("user", "something else"), *messages[1:]]  # an edited chat shares only its beginning
    row = Row(changed)
    assert "".join(stream(resident, row, 10)) == generate(resident, [row], 10)[0].text
