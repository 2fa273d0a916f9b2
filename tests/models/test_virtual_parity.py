"""Soft prompts and prefixes trained in groups against PEFT itself, one group after another."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import peft
import pytest
import torch
from training_data import make_groups, peft_steps, train, trained_adapter, with_peft
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.lora import LoraConfig
from lab.models.packing import Decoder
from lab.models.training import GroupData, TrainConfig, TrainEvent
from lab.models.virtual import VirtualConfig, VirtualKind, VirtualTokens, initial_tokens

MakeModel = Callable[..., PreTrainedModel]
KINDS: list[VirtualKind] = ["soft-prompt", "prefix"]
CONFIG = TrainConfig(epochs=3, learning_rate=1e-2)


def in_peft(model: PreTrainedModel, start: VirtualTokens) -> peft.PeftModel:
    """A copy of the model in PEFT, with `start` as its trainable virtual tokens."""
    make = peft.PromptTuningConfig if start.config.kind == "soft-prompt" else peft.PrefixTuningConfig
    config = make(task_type="CAUSAL_LM", num_virtual_tokens=start.config.tokens)
    wrapped = peft.get_peft_model(copy.deepcopy(model), config)
    with torch.no_grad():
        wrapped.prompt_encoder["default"].embedding.weight.copy_(start.vectors)
    return wrapped


def peft_alone(
    model: PreTrainedModel, group: GroupData, start: VirtualTokens
) -> tuple[torch.Tensor, list[float], list[float]]:
    """Train one group with PEFT: vectors, losses, norms."""
    wrapped = in_peft(model, start)
    losses, norms = peft_steps(wrapped, group, CONFIG)
    return wrapped.prompt_encoder["default"].embedding.weight.detach(), losses, norms


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_groups_together_equal_peft_training_each_alone(make_model: MakeModel, family: str, kind: VirtualKind) -> None:
    plain = make_model(family)
    config = VirtualConfig(kind, tokens=5)
    losses: dict[str, list[float]] = defaultdict(list)
    norms: dict[str, list[float]] = defaultdict(list)

    def note(event: TrainEvent) -> None:
        if event.kind == "step":
            losses[event.group].append(event.train_loss)
            norms[event.group].append(event.grad_norm)

    groups = make_groups(6)
    together = train(copy.deepcopy(plain), groups, config, CONFIG, note)
    start = initial_tokens(plain, config, CONFIG.seed)
    for group in groups:
        vectors, expected_losses, expected_norms = peft_alone(plain, group, start)
        assert losses[group.name] == pytest.approx(expected_losses, abs=1e-5)
        assert norms[group.name] == pytest.approx(expected_norms, rel=1e-3)
        torch.testing.assert_close(together[group.name].learned.vectors, vectors, atol=2e-5, rtol=0)
        assert (vectors - start.vectors).abs().max() > 1e-2  # it did learn


@pytest.mark.parametrize("kind", KINDS)
def test_on_top_of_a_frozen_adapter_they_equal_peft_on_the_merged_model(
    make_model: MakeModel, kind: VirtualKind
) -> None:
    plain = make_model()
    config = VirtualConfig(kind, tokens=3)
    under = trained_adapter(copy.deepcopy(plain), 1)
    groups = [replace(group, under=under) for group in make_groups(3)]
    together = train(copy.deepcopy(plain), groups, config, CONFIG)
    merged = with_peft(plain, under).merge_and_unload().requires_grad_(False)
    for group in groups:
        vectors, _, _ = peft_alone(merged, group, initial_tokens(plain, config, CONFIG.seed))
        torch.testing.assert_close(together[group.name].learned.vectors, vectors, atol=2e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_cannot_run_packed_learns_the_same(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, kind: VirtualKind
) -> None:
    config = VirtualConfig(kind, tokens=4)
    packed = train(make_model(), make_groups(4, val=2), config, CONFIG)

    def never(*_: object, **__: object) -> None:
        raise NotImplementedError  # as a model does whose attention wants something of its own

    monkeypatch.setattr("lab.models.packing.causal_attention", never)
    seen: list[bool] = []
    call = Decoder.__call__
    monkeypatch.setattr(Decoder, "__call__", lambda self, *a: (seen.append(self.packed), call(self, *a))[1])
    rows = train(make_model(), make_groups(4, val=2), config, CONFIG)
    assert not seen[-1]
    for name, result in packed.items():
        torch.testing.assert_close(rows[name].learned.vectors, result.learned.vectors, atol=1e-5, rtol=0)
        assert rows[name].val_loss == pytest.approx(result.val_loss, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bf16_base_takes_float32_virtual_tokens(make_model: MakeModel, kind: VirtualKind) -> None:
    config = VirtualConfig(kind, tokens=4)
    results = [train(model, make_groups(2), config, CONFIG) for model in (make_model(), make_model().bfloat16())]
    exact, low = (result["persona-0"] for result in results)
    assert low.learned.vectors.dtype == torch.float32
    assert low.train_loss == pytest.approx(exact.train_loss, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_is_real_tokens_of_the_model(make_model: MakeModel, kind: VirtualKind) -> None:
    model = make_model()
    start = initial_tokens(model, VirtualConfig(kind, tokens=6), seed=3)
    ids = torch.randint(model.config.vocab_size, (6,), generator=torch.Generator().manual_seed(3))
    if kind == "soft-prompt":
        assert torch.equal(start.vectors, model.get_input_embeddings().weight[ids])
    else:  # whoever begins with it goes on as if the tokens had been read
        more = torch.tensor([[7, 8, 9]])
        expected = model(input_ids=torch.cat([ids[None], more], dim=1)).logits[:, 6:]
        actual = in_peft(model, start)(input_ids=more, attention_mask=torch.ones_like(more)).logits
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)
    assert initial_tokens(model, start.config, 3).digest() == start.digest()
    assert initial_tokens(model, start.config, 4).digest() != start.digest()


def test_settings_of_another_kind_are_refused(make_model: MakeModel) -> None:
    (group,) = make_groups(1)
    with pytest.raises(LabError, match=r"Group 'persona-0' has LoRA settings, but what is trained is a prefix\."):
        train(make_model(), [replace(group, lora=LoraConfig())], VirtualConfig("prefix"))
    with pytest.raises(LabError, match="A soft-prompt needs at least 1 virtual token; got 0"):
        VirtualConfig("soft-prompt", 0)


def test_padding_does_not_count_virtual_tokens(make_model: MakeModel) -> None:
    (group,) = make_groups(1)
    events: list[TrainEvent] = []
    result = train(make_model(), [group], VirtualConfig("soft-prompt", 9), TrainConfig(epochs=1), events.append)
    assert result["persona-0"].tokens == sum(map(len, group.train))
    assert events[-1].padding == 0
