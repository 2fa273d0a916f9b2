"""Serving soft prompts and prefixes, from the folder they were saved in, as stock PEFT serves them."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import peft
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from training_data import trained_adapter, with_peft

from lab.errors import LabError
from lab.models.base import BaseModel
from lab.models.chat_template import encode_dialogue, encode_prompt
from lab.models.likelihood import nll
from lab.models.peft_format import load_peft, save_peft
from lab.models.resident import Resident
from lab.models.serve import Row, generate, stream
from lab.models.virtual import VirtualConfig, VirtualKind, VirtualTokens, initial_tokens

DIALOGUE = [
    {"role": "user", "content": "warm the living room"},
    {"role": "assistant", "content": "Setting the AC to 22 degrees."},
    {"role": "user", "content": "and the lights, please"},
    {"role": "assistant", "content": "The lights are at 50%."},
]


def noisy(base: BaseModel, kind: VirtualKind) -> VirtualTokens:
    start = initial_tokens(base.model, VirtualConfig(kind, 4), seed=0)
    noise = torch.randn(start.vectors.shape, generator=torch.Generator().manual_seed(1))
    return replace(start, vectors=start.vectors + 0.3 * noise)


@pytest.mark.parametrize("kind", ["soft-prompt", "prefix"])
@pytest.mark.parametrize("stacked", [False, True], ids=["alone", "on an adapter"])
def test_it_serves_as_peft_does(base: BaseModel, tmp_path: Path, kind: VirtualKind, stacked: bool) -> None:
    plain = copy.deepcopy(base.model)
    tokens = noisy(base, kind)
    save_peft(tokens, tmp_path, base.name)
    loaded = load_peft(tmp_path)
    assert (loaded.digest(), loaded.config) == (tokens.digest(), tokens.config)
    resident = Resident(base)
    names = [resident.add(loaded)]
    if stacked:
        under = trained_adapter(copy.deepcopy(plain), 1)
        plain = with_peft(plain, under).merge_and_unload()
        names.append(resident.add(under))
    theirs = peft.PeftModel.from_pretrained(plain, tmp_path).eval()
    stack = tuple((name, 1.0) for name in names)

    for turn in (1, 3):
        row = Row(DIALOGUE[:turn], stack)
        ids = torch.tensor([encode_prompt(base.tokenizer, row.messages)])
        expected = greedily(theirs, ids, 12, base.eos_ids)
        (answer,) = generate(resident, [row], 12)
        assert list(answer.token_ids) == expected
        assert "".join(stream(resident, row, 12)) == answer.text
    (turns,) = nll(resident, [Row(DIALOGUE, stack)])
    dialogue = encode_dialogue(base.tokenizer, DIALOGUE)
    ids = torch.tensor(dialogue.ids)
    losses = functional.cross_entropy(text_logits(theirs, ids[None])[0, :-1], ids[1:], reduction="none")
    for found in turns:
        own = torch.tensor([turn == found.message for turn in dialogue.turn[1:]])
        assert found.nll == pytest.approx(float(losses[own].sum()), abs=1e-3)
        assert found.tokens == int(own.sum())
    (plain_turns,) = nll(resident, [Row(DIALOGUE, stack[1:])])
    assert abs(plain_turns[0].nll - turns[0].nll) > 0.01  # it does change what is said


@torch.no_grad()
def text_logits(model: peft.PeftModel, ids: Tensor) -> Tensor:
    """Logits of the text's own tokens, without those of virtual ones."""
    logits: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return logits[:, -ids.shape[1] :]


def greedily(model: peft.PeftModel, ids: Tensor, steps: int, eos_ids: frozenset[int]) -> list[int]:
    """The answer, the whole text read anew for each token."""
    answer: list[int] = []
    for _ in range(steps):
        token = int(text_logits(model, torch.cat([ids, torch.tensor([answer], dtype=torch.long)], 1))[0, -1].argmax())
        if token in eos_ids:
            break
        answer.append(token)
    return answer


def test_a_dialogue_has_less_room_beside_virtual_tokens(base: BaseModel) -> None:
    resident = Resident(base)
    soft, prefix = resident.add(noisy(base, "soft-prompt")), resident.add(noisy(base, "prefix"))
    long = [*DIALOGUE[:3] * 1, *([DIALOGUE[1], DIALOGUE[2]] * 12)]
    (plain,) = generate(resident, [Row(long)], 4)
    (led,) = generate(resident, [Row(long, ((soft, 1.0), (prefix, 1.0)))], 4)
    assert plain.n_prompt <= base.context_length - 4
    assert led.n_prompt <= base.context_length - 4 - 4  # the soft prompt's tokens are in it, the prefix's are not


def test_what_does_not_fit_is_one_sentence(base: BaseModel, tmp_path: Path) -> None:
    resident = Resident(base)
    wide = replace(noisy(base, "soft-prompt"), vectors=torch.zeros(4, 33))
    with pytest.raises(LabError, match=r"The soft-prompt .* does not fit tiny-.*: its vectors have another size"):
        resident.add(wide)
    name = resident.add(noisy(base, "prefix"))
    with pytest.raises(LabError, match=r"The prefix .* can be served with weight 1 only; got 0\.5"):
        generate(resident, [Row(DIALOGUE[:1], ((name, 0.5),))], 4)
    save_peft(noisy(base, "prefix"), tmp_path, base.name)
    config = tmp_path / "adapter_config.json"
    text = config.read_text()
    config.write_text(text.replace("}", ', "prefix_projection": true}'))
    with pytest.raises(LabError, match="prefix_projection is not supported"):
        load_peft(tmp_path)
    config.write_text(text.replace('"num_virtual_tokens": 4', '"num_virtual_tokens": 5'))
    with pytest.raises(LabError, match="one matrix prompt_embeddings with num_virtual_tokens rows"):
        load_peft(tmp_path)
