"""Adapters serve, and score, as if they were added into the base's weights."""

from dataclasses import replace

import pytest
import torch
from serving import complete, random_rows, say, strong_adapter
from torch.nn import functional

from lab.models.base import BaseModel
from lab.models.chat_template import encode_dialogue, encode_prompt
from lab.models.likelihood import nll
from lab.models.lora import Adapter
from lab.models.serve import Row, generate


def merged(base: BaseModel, adapters: list[tuple[Adapter, float]]) -> torch.nn.Module:
    """The adapters added into a copy of the base's weights: no low-rank code at all."""
    model = type(base.model)(base.model.config).eval()
    model.load_state_dict(base.model.state_dict())
    model.requires_grad_(False)
    for each, weight in adapters:
        for site, a in each.a.items():
            model.get_submodule(site).weight += weight * each.config.scale * each.b[site] @ a
    return model


@pytest.mark.parametrize("seed", range(3))
def test_a_stack_serves_as_if_its_adapters_were_merged_into_the_base(resident, seed):
    made = [strong_adapter(resident.base, 20 + i, rank) for i, rank in enumerate((2, 5))]
    stack = tuple(zip((resident.add(each) for each in made), (0.5, 2.0), strict=True))
    rows = [replace(row, adapters=stack) for row in random_rows([""], seed, 4)]
    mixed = [replace(rows[0], adapters=()), *rows]
    model = merged(resident.base, [(made[0], 0.5), (made[1], 2.0)])
    for row, answer in zip(rows, generate(resident, mixed, max_new_tokens=8)[1:], strict=True):
        ids = torch.tensor([encode_prompt(resident.base.tokenizer, row.messages)])
        for token in answer.token_ids:
            assert int(model(ids).logits[0, -1].argmax()) == token
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)


@pytest.mark.parametrize("seed", range(3))
def test_the_nll_of_every_turn_is_what_the_merged_model_gives(resident, seed):
    made = [strong_adapter(resident.base, 30 + i, rank) for i, rank in enumerate((2, 5))]
    ids_of = {resident.add(each): each for each in made}
    stacks = [(), *(((name, weight),) for name in ids_of for weight in (1.0, 0.5)), tuple((n, 1.0) for n in ids_of)]
    rows = [
        complete(replace(row, adapters=stacks[i % len(stacks)])) for i, row in enumerate(random_rows([""], seed, 10))
    ]
    for row, turns in zip(rows, nll(resident, rows, batch_tokens=300), strict=True):
        model = merged(resident.base, [(ids_of[name], weight) for name, weight in row.adapters])
        dialogue = encode_dialogue(resident.base.tokenizer, row.messages)
        ids = torch.tensor(dialogue.ids)
        losses = functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:], reduction="none")
        turn = torch.tensor(dialogue.turn[1:])
        assert [scored.message for scored in turns] == list(range(1, len(row.messages), 2))
        for scored in turns:
            assert scored.nll == pytest.approx(float(losses[turn == scored.message].sum()), rel=1e-4)
            assert scored.tokens == int((turn == scored.message).sum())


def test_a_dialogue_without_an_answer_has_no_turns_to_score(resident):
    assert nll(resident, [Row([say("user", "hi")]), complete(Row([say("user", "hi")]))])[0] == []
