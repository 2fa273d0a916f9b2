"""Loss and gradient of several groups in one pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from training_data import examples
from transformers import PreTrainedModel

from lab.models.batching import Example
from lab.models.frozen import Frozen
from lab.models.lora import Factors, LoraConfig, attach, clear
from lab.models.loss import Head
from lab.models.packing import Decoder, decoding
from lab.models.trained_lora import TrainedLora
from lab.models.training import GroupData
from lab.models.waves import Item, Waves

MakeModel = Callable[..., PreTrainedModel]
BATCHES = [examples(0, 4), examples(1, 1), examples(2, 3)]


def items(batches: list[list[Example]], step: int = 7) -> list[Item]:
    return [Item(GroupData(f"persona-{len(batch)}", batch), batch, 0, step) for batch in batches]


def make_waves(model: PreTrainedModel, decoder: Decoder, dropout: float) -> tuple[Waves, Tensor]:
    lora = LoraConfig(dropout=dropout)
    sites = attach(model, lora.targets)
    trained = TrainedLora(sites, lora, [GroupData("any", [])])
    frozen = Frozen([None], sites)
    theta = torch.randn(3, trained.size, generator=torch.Generator().manual_seed(0)) * 0.1
    return Waves(decoder, Head.of(model), sites, trained, frozen, seed=0), theta


def test_each_groups_loss_is_the_mean_over_its_own_tokens_and_its_gradient_is_its_own(
    make_model: MakeModel,
) -> None:
    model = make_model()
    with decoding(model, Head.of(model)) as decoder:
        waves, theta = make_waves(model, decoder, dropout=0.0)
        losses, grad, _ = waves.gradients(theta, items(BATCHES))
    for row, batch in enumerate(BATCHES):
        weights = theta[row : row + 1].clone().requires_grad_()
        views = waves.trained.views(weights)
        for site, a, b in zip(sorted(waves.sites), views[::2], views[1::2], strict=True):
            waves.sites[site].factors = (Factors(a, b, LoraConfig().scale),)
        nll = []
        for example in batch:  # one sequence at a time, through the whole model, with torch's own loss
            ids, supervised = torch.from_numpy(example.ids), torch.from_numpy(example.supervised[1:])
            logits = model(input_ids=ids[None]).logits[0, :-1]
            nll.append(functional.cross_entropy(logits, ids[1:], reduction="none")[supervised])
        loss = torch.cat(nll).mean()
        (expected,) = torch.autograd.grad(loss, weights)
        torch.testing.assert_close(losses[row], loss.detach())
        torch.testing.assert_close(grad[row], expected[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_layout_and_company_change_nothing(make_model: MakeModel, dropout: float) -> None:
    model = make_model()
    with decoding(model, Head.of(model)) as decoder:
        assert decoder.packed
        waves, theta = make_waves(model, decoder, dropout)
        losses, grad, wave = waves.gradients(theta, items(BATCHES))
        assert wave.size == sum(wave.tokens)
        for row in range(3):
            alone, own, _ = waves.gradients(theta[row : row + 1], items(BATCHES[row : row + 1]))
            torch.testing.assert_close(alone[0], losses[row])
            torch.testing.assert_close(own[0], grad[row], atol=1e-5, rtol=1e-4)
    padded_waves, _ = make_waves(model, Decoder(model, packed=False), dropout)
    padded_losses, padded_grad, padded_wave = padded_waves.gradients(theta, items(BATCHES))
    assert padded_wave.size > sum(padded_wave.tokens)
    torch.testing.assert_close(padded_losses, losses)
    torch.testing.assert_close(padded_grad, grad, atol=1e-5, rtol=1e-4)


def test_dropout_is_in_training_only_and_new_at_each_step(make_model: MakeModel) -> None:
    model = make_model()
    with decoding(model, Head.of(model)) as decoder:
        waves, theta = make_waves(model, decoder, dropout=0.3)
        first, _, _ = waves.gradients(theta, items(BATCHES, step=0))
        again, _, _ = waves.gradients(theta, items(BATCHES, step=0))
        second, _, _ = waves.gradients(theta, items(BATCHES, step=1))
        sums, wave = waves.losses(theta, items(BATCHES))
        plain, _ = make_waves(model, decoder, dropout=0.0)
        without, _, _ = plain.gradients(theta, items(BATCHES))
    assert torch.equal(first, again)
    assert not torch.isclose(first, second).any()
    torch.testing.assert_close(sums / wave.counts, without)


def test_a_bf16_base_takes_float32_adapters_and_gives_float32_gradients(make_model: MakeModel) -> None:
    model = make_model()
    results = []
    for dtype in (torch.float32, torch.bfloat16):
        clear(attach(model, LoraConfig().targets))
        model.to(dtype)
        with decoding(model, Head.of(model)) as decoder:
            waves, theta = make_waves(model, decoder, dropout=0.0)
            results.append(waves.gradients(theta, items(BATCHES))[:2])
    (losses, grad), (low_losses, low_grad) = results
    assert low_losses.dtype == low_grad.dtype == torch.float32
    torch.testing.assert_close(low_losses, losses, atol=0.1, rtol=0.02)
    assert float(functional.cosine_similarity(low_grad.flatten(), grad.flatten(), dim=0)) > 0.97
