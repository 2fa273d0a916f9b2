"""Clipping, schedule and AdamW for many groups at once: tensors are [W, P], one row per group.

Every group has its own gradient norm, learning rate and step count, so a row moves as it would alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's and the published study's


def scheduled(peak: float, step: int, total: int, warmup_ratio: float) -> float:
    """Learning rate of 0-based `step` of `total`: linear warm-up, then linear decay to 0.

    As `transformers.get_linear_schedule_with_warmup` with ⌈ratio · total⌉ warm-up steps. That begins with rate 0, so a
    training of a single step, which would learn nothing, has no warm-up.
    """
    warmup = math.ceil(total * warmup_ratio) if total > 1 else 0
    if step < warmup:
        return peak * step / max(1, warmup)
    return peak * max(0.0, (total - step) / max(1, total - warmup))


def clip(grad: Tensor, max_norm: float) -> Tensor:
    """Scale each row of grad [W, P] down to `max_norm` in place; returns the norms before, [W].

    As `torch.nn.utils.clip_grad_norm_` on each group's gradient alone.
    """
    norms: Tensor = torch.linalg.vector_norm(grad, dim=1)
    grad.mul_((max_norm / (norms + 1e-6)).clamp_(max=1.0)[:, None])
    return norms


def adamw(
    theta: Tensor,
    first: Tensor,
    second: Tensor,
    grad: Tensor,
    *,
    steps: Sequence[int],
    rates: Sequence[float],
    weight_decay: float,
) -> None:
    """One AdamW step (Loshchilov & Hutter 2019) in place on theta and both moments, all [W, P].

    `steps` are the groups' own counts, this step included; `rates` their learning rates.
    """

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=theta.dtype, device=theta.device)[:, None]

    beta1, beta2 = BETAS
    first.lerp_(grad, 1 - beta1)
    second.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    denominator = (second.sqrt() / column([math.sqrt(1 - beta2**n) for n in steps])).add_(EPSILON)
    update = (first / denominator).mul_(column([r / (1 - beta1**n) for r, n in zip(rates, steps, strict=True)]))
    theta.mul_(column([1 - rate * weight_decay for rate in rates])).sub_(update)
