"""Serving: a persona's answer does not depend on who else is in the batch."""

import os
from pathlib import Path

import pytest
import torch
from serving import complete, random_rows, say, strong_adapter
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    BartConfig,
    BloomConfig,
    FalconH1Config,
    Gemma2Config,
    GPT2Config,
    MistralConfig,
    Qwen3NextConfig,
)

from lab.errors import LabError
from lab.models import offline
from lab.models.base import BaseModel, load_base
from lab.models.chat_template import encode_dialogue, encode_prompt
from lab.models.likelihood import nll
from lab.models.lora import Adapter, LoraConfig, attach
from lab.models.resident import Resident
from lab.models.serve import Row, generate, stream


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_in_a_mixed_batch_is_the_answer_alone(resident, names, seed):
    """240 cases: 10 seeds of 12 rows on two kinds of model, in float32."""
    rows = random_rows(names, seed, 12)
    together = generate(resident, rows, max_new_tokens=12)
    for row, answer in zip(rows, together, strict=True):
        (alone,) = generate(resident, [row], max_new_tokens=12)
        assert answer.token_ids == alone.token_ids
        assert (answer.text, answer.n_prompt) == (alone.text, alone.n_prompt)
    assert len({answer.token_ids for answer in together}) > 3  # the adapters do say different things


def test_without_adapters_it_is_the_librarys_own_greedy_search(resident):
    rows = [row for row in random_rows([""], 3, 8) if not row.adapters]
    base = resident.base
    assert rows
    for row, answer in zip(rows, generate(resident, rows, max_new_tokens=15), strict=True):
        ids = torch.tensor([encode_prompt(base.tokenizer, row.messages)])
        expected = base.model.generate(
            ids, do_sample=False, max_new_tokens=15, eos_token_id=sorted(base.eos_ids), pad_token_id=0
        )[0, ids.shape[1] :].tolist()
        assert list(answer.token_ids) == [i for i in expected if i not in base.eos_ids]


SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"num_key_value_heads": 2, "initializer_range": 0.3, "max_position_embeddings": 256}
STATES = {f"linear_{name}": 8 for name in ("key_head_dim", "value_head_dim", "num_key_heads", "num_value_heads")}
OTHERS = {
    "a sliding window": lambda size: MistralConfig(vocab_size=size, sliding_window=12, head_dim=8, **SMALL),
    "every other layer sliding, soft-capped": lambda size: Gemma2Config(
        vocab_size=size, sliding_window=12, head_dim=8, final_logit_softcapping=2.0, **SMALL
    ),
    "learned positions": lambda size: GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=256),
    "no positions": lambda size: BloomConfig(vocab_size=size, hidden_size=32, n_layer=2, n_head=4),
    "states instead of attention in three layers of four": lambda size: Qwen3NextConfig(
        vocab_size=size, head_dim=8, num_experts=0, **STATES, **SMALL | {"num_hidden_layers": 4}
    ),
    "states beside attention in every layer": lambda size: FalconH1Config(
        vocab_size=size, head_dim=8, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8, **SMALL
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_of_attention_serve_as_the_library_does(tokenizer, kind):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(OTHERS[kind](len(tokenizer))).eval().requires_grad_(False)
    for weights in model.parameters():
        weights.mul_(3.0 if weights.std() < 0.1 else 1.0)  # no two logits near a tie
    eos_ids = frozenset({tokenizer.eos_token_id})
    resident = Resident(BaseModel(model, tokenizer, kind, "0" * 64, torch.device("cpu"), torch.float32, eos_ids))
    rows = [Row(row.messages) for row in random_rows([""], 12, 6)]
    for row, answer in zip(rows, generate(resident, rows, 12), strict=True):
        ids = torch.tensor([encode_prompt(tokenizer, row.messages)])
        expected = model.generate(ids, do_sample=False, max_new_tokens=12, eos_token_id=[4], pad_token_id=0)
        assert list(answer.token_ids) == [i for i in expected[0, ids.shape[1] :].tolist() if i != 4]
        assert "".join(stream(resident, row, 12)) == answer.text
    (turns,) = nll(resident, [complete(rows[0])])
    dialogue = encode_dialogue(tokenizer, complete(rows[0]).messages)
    ids = torch.tensor(dialogue.ids)
    losses = functional.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:], reduction="none")
    assert turns[-1].nll == pytest.approx(float(losses[torch.tensor(dialogue.turn[1:]) == turns[-1].message].sum()))


def test_a_model_that_keeps_what_it_has_read_in_another_way_is_refused(tokenizer):
    config = BartConfig(vocab_size=len(tokenizer), d_model=32, decoder_layers=1, decoder_attention_heads=4)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    with pytest.raises(
        LabError, match=r"tiny \(BartForCausalLM\) keeps what it has read in a way this lab does not know"
    ):
        Resident(BaseModel(model, tokenizer, "tiny", "0" * 64, torch.device("cpu"), torch.float32, frozenset({4})))


def test_a_prompt_longer_than_the_context_keeps_its_last_turns(resident):
    long = [say("user" if i % 2 == 0 else "assistant", "warm " * 20) for i in range(21)]
    (answer,) = generate(resident, [Row(long)], max_new_tokens=10)
    assert 300 < answer.n_prompt <= resident.base.context_length - 10


def test_what_cannot_be_served_is_one_clear_sentence(resident, names):
    rows = [Row([say("user", "hi")], (("f" * 64, 1.0),))]
    with pytest.raises(LabError, match="The adapter ffffffffffff is not in memory"):
        generate(resident, rows)
    with pytest.raises(LabError, match="reads at most 512 tokens"):
        generate(resident, [Row([say("user", "hi")])], max_new_tokens=512)
    other = strong_adapter(resident.base, 0, 2)
    other.a = {site.replace("layers.1", "layers.7"): a for site, a in other.a.items()}
    other.b = {site.replace("layers.1", "layers.7"): b for site, b in other.b.items()}
    with pytest.raises(LabError, match="does not fit tiny-"):
        resident.add(other)


def test_adding_an_adapter_twice_keeps_it_once(resident, names):
    again = strong_adapter(resident.base, 0, 2)
    assert resident.add(again) == names[0] == again.digest()


def test_serving_leaves_the_base_model_as_it_was(resident, names, make_model):
    generate(resident, random_rows(names, 11, 6), 4)
    ids = torch.tensor([[5, 6, 7, 8]])
    family = resident.base.name.removeprefix("tiny-")
    assert torch.equal(resident.base.model(ids).logits, make_model(family)(ids).logits)


@pytest.fixture(scope="module")
def smollm2() -> Resident:
    cache = Path(os.environ.get("LAB_CACHE", offline.DEFAULT_CACHE))
    return Resident(load_base("smollm2-135m", "cpu", "float32", cache))


@pytest.mark.slow
def test_the_offline_model_answers_in_english(smollm2):
    row = Row([say("user", "What is the capital of France?")])
    pieces = list(stream(smollm2, row, 24))
    assert "Paris" in "".join(pieces)
    assert len(pieces) > 5
    (known,), (unlikely,) = nll(
        smollm2,
        [
            Row([*row.messages, say("assistant", "The capital of France is Paris.")]),
            Row([*row.messages, say("assistant", "Purple of the seven cat never Paris.")]),
        ],
    )
    assert known.nll / known.tokens < 1.0 < 3.0 < unlikely.nll / unlikely.tokens


@pytest.mark.slow
def test_the_offline_model_answers_in_a_mixed_batch_as_alone(smollm2):
    sites = attach(smollm2.base.model, ("q_proj", "v_proj"))
    random = torch.Generator().manual_seed(0)
    names = []
    for rank in (4, 8):
        made = Adapter(LoraConfig(rank=rank))
        for site, layer in sites.items():
            made.a[site] = torch.randn(rank, layer.in_features, generator=random) * 0.05
            made.b[site] = torch.randn(layer.out_features, rank, generator=random) * 0.05
        names.append(smollm2.add(made))
    asked = ["Turn the lights down a bit.", "It is cold in here, and dark too. What can you do about it?"]
    stacks = [(), ((names[0], 1.0),), ((names[0], 0.5), (names[1], 1.0))]
    rows = [Row([say("user", text)], stack) for text in asked for stack in stacks]
    together = generate(smollm2, rows, max_new_tokens=12)
    for row, answer in zip(rows, together, strict=True):
        assert generate(smollm2, [row], max_new_tokens=12)[0].token_ids == answer.token_ids
    assert len({answer.token_ids for answer in together}) > 3
