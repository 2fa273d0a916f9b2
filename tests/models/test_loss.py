"""The chunked loss against torch's own, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from lab.models import loss
from lab.models.loss import Head


def random_head(*, bias: bool, scale: float, cap: float | None) -> Head:
    return Head(torch.randn(50, 8), torch.randn(50) if bias else None, scale, cap)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_loss_and_gradient_are_torchs(
    monkeypatch: pytest.MonkeyPatch, bias: bool, scale: float, cap: float | None, chunk: int
) -> None:
    torch.manual_seed(0)
    monkeypatch.setitem(loss._LOGITS_AT_ONCE, "cpu", chunk * 50)
    head = random_head(bias=bias, scale=scale, cap=cap)
    hidden, targets, weights = torch.randn(11, 8), torch.randint(50, (11,)), torch.rand(11)
    ours, theirs = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()

    nll = head.nll(ours, targets)
    expected = functional.cross_entropy(head.logits(theirs), targets, reduction="none")
    torch.testing.assert_close(nll, expected)
    (nll * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_logits_are_scaled_then_capped() -> None:
    head = Head(torch.eye(3), torch.tensor([0.0, 1.0, 2.0]), scale=0.5, cap=4.0)
    expected = 4 * torch.tanh(torch.tensor([1.0, 2.5, 4.0]) * 0.5 / 4)
    torch.testing.assert_close(head.logits(torch.tensor([1.0, 1.5, 2.0])), expected)


def test_bf16_hidden_states_give_a_float32_loss_and_a_bf16_gradient() -> None:
    torch.manual_seed(0)
    head = Head(torch.randn(50, 8, dtype=torch.bfloat16))
    hidden = torch.randn(11, 8, dtype=torch.bfloat16, requires_grad=True)
    targets = torch.randint(50, (11,))
    nll = head.nll(hidden, targets)
    expected = functional.cross_entropy(hidden.float() @ head.weight.float().T, targets, reduction="none")
    assert nll.dtype == torch.float32
    torch.testing.assert_close(nll, expected, atol=0.05, rtol=0.01)
    nll.sum().backward()
    assert hidden.grad.dtype == torch.bfloat16
    assert torch.isfinite(hidden.grad).all()


def test_without_a_gradient_only_the_loss_is_computed() -> None:
    head = Head(torch.randn(50, 8))
    assert not head.nll(torch.randn(3, 8), torch.tensor([1, 2, 3])).requires_grad
