"""How likely references are: every turn of every dialogue, whatever the recipe's prompt takes of the context."""

import pytest
import torch
from serving import complete, random_rows, say
from torch.nn import functional

from lab.models.chat_template import encode_dialogue
from lab.models.likelihood import TurnNll, nll
from lab.models.serve import Row, Stopped

LONG = [say("assistant" if i % 2 else "user", f"{i} " + "warm lights " * 12) for i in range(16)]


def by_the_model(resident, messages, turn: int) -> tuple[float, int]:
    """The turn's summed NLL and its tokens, from the logits of the bare model."""
    dialogue = encode_dialogue(resident.base.tokenizer, messages, resident.base.context_length)
    ids, of_turn = torch.tensor(dialogue.ids), torch.tensor(dialogue.turn[1:]) == turn
    losses = functional.cross_entropy(resident.base.model(ids[None]).logits[0, :-1], ids[1:], reduction="none")
    return float(losses[of_turn].sum()), int(of_turn.sum())


def test_each_turn_of_a_dialogue_that_does_not_fit_is_given_as_much_before_it_as_fits(resident):
    assert len(encode_dialogue(resident.base.tokenizer, LONG).ids) > 2 * resident.base.context_length
    (turns,) = nll(resident, [Row(LONG)], batch_tokens=700)
    assert [turn.message for turn in turns] == [1, 3, 5, 7, 9, 11, 13, 15]
    for turn in turns:
        expected, tokens = by_the_model(resident, LONG[: turn.message + 1], turn.message)
        assert (turn.nll, turn.tokens) == (pytest.approx(expected, rel=1e-4), tokens)


def test_a_longer_prompt_is_judged_by_the_same_turns(resident):
    short, long = ([say("system", "You are kind. " * n), *LONG[:8]] for n in (1, 25))
    rows = nll(resident, [Row(short), Row(long)])
    seen = [[(turn.message, turn.tokens) for turn in turns] for turns in rows]
    assert seen[0] == seen[1]
    assert [turn.nll for turn in rows[0]] != [turn.nll for turn in rows[1]]


def test_what_is_known_is_not_asked_again_and_what_was_stopped_comes_out_the_same(resident, names):
    rows = [*map(complete, random_rows(names, 9, 6)), Row(LONG), Row(LONG[2:])]
    whole = nll(resident, rows, batch_tokens=700)
    told: dict[int, list[TurnNll]] = {}
    with pytest.raises(Stopped):
        nll(resident, rows, told.__setitem__, lambda: len(told) >= 2, batch_tokens=700)
    before = dict(told)
    assert 2 <= len(before) < 8
    told.clear()
    assert nll(resident, rows, told.__setitem__, batch_tokens=700, known=before) == whole
    assert told.keys() == set(range(8)) - before.keys()
    assert all(told[i] == whole[i] for i in told)
