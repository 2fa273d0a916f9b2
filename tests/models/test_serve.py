"""Serving: a persona's answer does not depend on who else is in the batch, nor on how it is read out."""

import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from transformers import AutoModelForCausalLM, BloomConfig, Gemma2Config, GPT2Config, MistralConfig

from lab.errors import LabError
from lab.models import offline
from lab.models.answer import answer_text, request_of, settled_text
from lab.models.base import BaseModel, load_base
from lab.models.chat_template import encode_dialogue, encode_prompt
from lab.models.decode import Request, plan
from lab.models.lora import Adapter, LoraConfig, attach
from lab.models.resident import Resident
from lab.models.serve import Answer, Row, Stopped, generate, nll, stream
from lab.models.training import Learned
from lab.models.virtual import VirtualConfig, initial_tokens

SITES = {"q_proj": "self_attn", "v_proj": "self_attn", "down_proj": "mlp"}


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def adapter(base: BaseModel, seed: int, rank: int, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> Adapter:
    """An adapter with random weights, strong enough to change what is said."""
    random = torch.Generator().manual_seed(seed)
    made = Adapter(LoraConfig(rank=rank, alpha=2.0 * rank, targets=targets))
    for layer, target in itertools.product(range(2), targets):
        site = f"model.layers.{layer}.{SITES[target]}.{target}"
        linear = base.model.get_submodule(site)
        made.a[site] = torch.randn(rank, linear.in_features, generator=random) * 0.2
        made.b[site] = torch.randn(linear.out_features, rank, generator=random) * 0.2
    return made


@pytest.fixture
def resident(base: BaseModel) -> Resident:
    return Resident(base)


@pytest.fixture
def names(resident: Resident) -> list[str]:
    """Ids of resident adapters: five LoRA ones of several ranks and targets, two soft prompts, two prefixes."""
    base = resident.base
    made: list[Learned] = [adapter(base, seed, rank) for seed, rank in enumerate((2, 4, 4, 8))]
    made.append(adapter(base, 9, 3, ("down_proj", "v_proj")))
    made += [initial_tokens(base.model, VirtualConfig("soft-prompt", size), seed=size) for size in (1, 3)]
    made += [initial_tokens(base.model, VirtualConfig("prefix", size), seed=size) for size in (2, 4)]
    return [resident.add(each) for each in made]


LORA = 5  # so many of `names` are LoRA adapters, which can be weighted
WORDS = ["warm", "lights to 50%", "the AC", "please", "Ünïcødé 🙂", "何か", "x" * 30]


def random_rows(names: list[str], seed: int, count: int) -> list[Row]:
    """Ragged prompts, some of them turns of one dialogue, under no, one or several adapters."""
    random = torch.Generator().manual_seed(seed)

    def pick(n: int) -> int:
        return int(torch.randint(n, (), generator=random))

    rows: list[Row] = []
    while len(rows) < count:
        turns = 1 + 2 * pick(3)
        messages = [
            say("assistant" if i % 2 else "user", " ".join(WORDS[pick(len(WORDS))] for _ in range(1 + pick(4))))
            for i in range(turns)
        ]
        picked = [pick(len(names)) for _ in range(pick(4))]
        stack = tuple((names[i], (0.5, 1.0, -1.0)[pick(3)] if i < LORA else 1.0) for i in picked)
        rows += [Row(messages[:end], stack) for end in range(1, turns + 1, 2)]
    return rows[:count]


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


@pytest.mark.parametrize("batch_tokens", [1, 100, 300, 10_000])
def test_the_size_of_the_batches_changes_nothing(resident, names, batch_tokens):
    rows = random_rows(names, 7, 12)
    whole = generate(resident, rows, max_new_tokens=6)
    parts = generate(resident, rows, max_new_tokens=6, batch_tokens=batch_tokens)
    assert [a.token_ids for a in parts] == [a.token_ids for a in whole]


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
OTHERS = {
    "a sliding window": lambda size: MistralConfig(vocab_size=size, sliding_window=12, head_dim=8, **SMALL),
    "every other layer sliding, soft-capped": lambda size: Gemma2Config(
        vocab_size=size, sliding_window=12, head_dim=8, final_logit_softcapping=2.0, **SMALL
    ),
    "learned positions": lambda size: GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=256),
    "no positions": lambda size: BloomConfig(vocab_size=size, hidden_size=32, n_layer=2, n_head=4),
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
    made = [adapter(resident.base, 20 + i, rank) for i, rank in enumerate((2, 5))]
    stack = tuple(zip((resident.add(each) for each in made), (0.5, 2.0), strict=True))
    rows = [replace(row, adapters=stack) for row in random_rows([""], seed, 4)]
    mixed = [replace(rows[0], adapters=()), *rows]
    model = merged(resident.base, [(made[0], 0.5), (made[1], 2.0)])
    for row, answer in zip(rows, generate(resident, mixed, max_new_tokens=8)[1:], strict=True):
        ids = torch.tensor([encode_prompt(resident.base.tokenizer, row.messages)])
        for token in answer.token_ids:
            assert int(model(ids).logits[0, -1].argmax()) == token
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)


def complete(row: Row) -> Row:
    return Row([*row.messages, say("assistant", "Setting the AC to 22 degrees 🙂.")], row.adapters)


@pytest.mark.parametrize("seed", range(3))
def test_the_nll_of_every_turn_is_what_the_merged_model_gives(resident, seed):
    made = [adapter(resident.base, 30 + i, rank) for i, rank in enumerate((2, 5))]
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


@pytest.mark.parametrize("seed", range(3))
def test_streaming_gives_the_same_text_and_never_half_a_character(resident, names, seed):
    rows = random_rows(names, 40 + seed, 8)
    for row, answer in zip(rows, generate(resident, rows, max_new_tokens=25), strict=True):
        pieces = list(stream(resident, row, max_new_tokens=25))
        assert "".join(pieces) == answer.text
        assert all(pieces)
        assert not any(piece.endswith("\ufffd") for piece in pieces)


class Scripted(torch.nn.Module):
    """A head that makes the model say given tokens, whatever it read."""

    def __init__(self, resident: Resident, ids: list[int]) -> None:
        super().__init__()
        self.ids, self.size = iter(ids), len(resident.base.tokenizer)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        row = functional.one_hot(torch.tensor(next(self.ids)), self.size).float()
        return row.expand(*hidden.shape[:-1], self.size)


texts = st.text(
    st.one_of(st.sampled_from("aé何🙂👩‍🚀 \n"), st.characters(exclude_categories=["Cs"])), max_size=20
).filter(lambda text: "\ufffd" not in text and not any(mark in text for mark in ("<", "[/")))


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


def scripted_resident(make_model, tokenizer, stop_strings: tuple[str, ...] = ()) -> Resident:
    eos_ids = frozenset({tokenizer.eos_token_id})
    cpu = torch.device("cpu")
    return Resident(BaseModel(make_model(), tokenizer, "tiny", "0" * 64, cpu, torch.float32, eos_ids, stop_strings))


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


def test_rows_are_handed_over_as_they_are_answered_with_their_share_of_the_time(resident, names):
    rows = random_rows(names, 5, 10)
    seen: dict[int, Answer] = {}
    start = time.perf_counter()
    answers = generate(resident, rows, 8, on_row=seen.__setitem__, batch_tokens=300)
    elapsed = time.perf_counter() - start
    assert [seen[i] for i in range(10)] == answers
    assert all(answer.seconds > 0 for answer in answers)
    assert 0.3 * elapsed < sum(answer.seconds for answer in answers) < elapsed


def test_progress_grows_with_every_token_to_the_end(resident, names):
    rows = random_rows(names, 6, 12)
    heard: list[float] = []
    generate(resident, rows, 10, batch_tokens=300, on_progress=heard.append)
    assert heard == sorted(heard)
    assert len(heard) > 10
    assert 0 < heard[0] < 0.5 < heard[-1] <= 1


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


def test_turns_of_one_dialogue_are_read_once(resident, names):
    requests = [request_of(resident, row, 8) for row in random_rows(names, 8, 12)]
    batches = plan(resident, requests, range(12), 8, 10_000, sharing=True)
    families = [family for batch in batches for family in batch]
    assert sorted(i for family in families for i in family) == list(range(12))
    assert len(families) < 12
    for family in families:
        longest = requests[family[-1]]
        assert all(requests[i].ids == longest.ids[: len(requests[i].ids)] for i in family)
        assert {requests[i].stack for i in family} == {longest.stack}


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=30),
    shared=st.booleans(),
    budget=st.integers(1, 400),
    answer=st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_no_batch_is_larger_than_asked_unless_one_row_is(make_model, tokenizer, lengths, shared, budget, answer):
    resident = scripted_resident(make_model, tokenizer)
    requests = [Request(tuple(range(n)) if shared else (i, *range(n - 1))) for i, n in enumerate(lengths)]
    batches = plan(resident, requests, range(len(lengths)), answer, budget, sharing=True)
    assert sorted(i for batch in batches for family in batch for i in family) == list(range(len(lengths)))
    for batch in batches:
        rows = [i for family in batch for i in family]
        assert len(rows) == 1 or len(rows) * (max(lengths[i] for i in rows) + answer) <= budget


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
    other = adapter(resident.base, 0, 2)
    other.a = {site.replace("layers.1", "layers.7"): a for site, a in other.a.items()}
    other.b = {site.replace("layers.1", "layers.7"): b for site, b in other.b.items()}
    with pytest.raises(LabError, match="does not fit tiny-"):
        resident.add(other)


def test_adding_an_adapter_twice_keeps_it_once(resident, names):
    again = adapter(resident.base, 0, 2)
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
