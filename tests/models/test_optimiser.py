"""Clipping, schedule and AdamW of many groups at once, against torch and transformers on each alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_linear_schedule_with_warmup

from lab.models.optimiser import adamw, clip, scheduled


def test_every_row_moves_as_torchs_adamw_moves_it_alone() -> None:
    torch.manual_seed(0)
    start, counts, rates = torch.randn(3, 7), [0, 5, 40], [1e-2, 3e-3, 0.0]
    theta, first, second = start.clone(), torch.zeros(3, 7), torch.zeros(3, 7)
    alone = [start[row].clone().requires_grad_() for row in range(3)]
    optimisers = [torch.optim.AdamW([p], lr=rate, weight_decay=0.1) for p, rate in zip(alone, rates, strict=True)]
    for row in range(3):  # rows begin at steps of their own
        for step in range(counts[row]):
            grad = torch.randn(7)
            alone[row].grad = grad
            optimisers[row].step()
            one = slice(row, row + 1)
            args = (theta[one], first[one], second[one], grad[None])
            adamw(*args, steps=[step + 1], rates=[rates[row]], weight_decay=0.1)
    for more in range(1, 4):
        grad = torch.randn(3, 7)
        for row in range(3):
            alone[row].grad = grad[row].clone()
            optimisers[row].step()
        adamw(theta, first, second, grad, steps=[n + more for n in counts], rates=rates, weight_decay=0.1)
        torch.testing.assert_close(theta, torch.stack([p.detach() for p in alone]), atol=1e-7, rtol=1e-6)


def test_each_row_is_clipped_by_its_own_norm() -> None:
    grad = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    expected = []
    for row in grad:
        parameter = torch.zeros(2, requires_grad=True)
        parameter.grad = row.clone()
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        expected.append(parameter.grad)
    assert clip(grad, 1.0).tolist() == pytest.approx([5.0, 0.5, 0.0])
    torch.testing.assert_close(grad, torch.stack(expected))


@given(st.floats(0, 1))
def test_a_single_step_has_the_whole_rate(ratio: float) -> None:
    """Transformers' schedule would begin, and end, with 0: an adapter for each persona, and all of them the start."""
    assert scheduled(0.01, 0, 1, ratio) == 0.01


@given(st.integers(2, 60), st.floats(0, 1))
def test_the_schedule_is_transformers(total: int, ratio: float) -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    schedule = get_linear_schedule_with_warmup(optimiser, math.ceil(total * ratio), total)
    for step in range(total):
        assert scheduled(0.01, step, total, ratio) == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        schedule.step()
