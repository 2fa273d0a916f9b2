"""Negative log-likelihood of supervised tokens, without ever holding the logits of all of them.

The output head is frozen, so all that training needs of it is the gradient with respect to the hidden states.
It is computed together with the loss, one chunk of positions after another: the peak is [chunk, vocabulary].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from lab.errors import LabError

_LOGITS_AT_ONCE = {"cpu": 2**23, "cuda": 2**27}  # a chunk's logits: within a CPU's cache, enough for a GPU


@dataclass(frozen=True, eq=False)
class Head:
    """From hidden states to logits: cap · tanh(scale · (h Wᵀ + bias) / cap), as the model's config asks."""

    weight: Tensor  # [vocabulary, d]
    bias: Tensor | None = None  # [vocabulary]
    scale: float = 1.0
    cap: float | None = None

    @classmethod
    def of(cls, model: PreTrainedModel) -> Head:
        """The frozen head of a causal language model."""
        output = model.get_output_embeddings()  # type: ignore[no-untyped-call]
        if output is None:
            raise LabError(f"{type(model).__name__} has no output embeddings; name a causal language model.")
        config = model.config.get_text_config()
        scale = getattr(config, "logit_scale", None) or 1.0  # Cohere
        scale /= getattr(config, "logits_scaling", None) or 1.0  # Granite
        cap = getattr(config, "final_logit_softcapping", None)  # Gemma
        bias = getattr(output, "bias", None)
        return cls(output.weight.detach(), None if bias is None else bias.detach(), float(scale), cap)

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden [..., d] to float32 logits [..., vocabulary]."""
        logits = functional.linear(hidden, self.weight, self.bias).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def nll(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """−log p(target) of every position: hidden [n, d], targets [n] → float32 [n]."""
        nll: Tensor = _ChunkedNll.apply(hidden, targets, self)  # type: ignore[no-untyped-call]
        return nll


def divergence(head: Head, teacher: Tensor, hidden: Tensor) -> Tensor:
    """KL(teacher ‖ student) of each position's next-token distribution; both [n, d] → float32 [n].

    Distillation (Hinton et al. 2015) at temperature 1; nothing flows into the teacher.
    """
    kl: Tensor = _ChunkedKl.apply(hidden, teacher, head)  # type: ignore[no-untyped-call]
    return kl


def _chunks(hidden: Tensor, head: Head) -> Iterator[slice]:
    at_once = _LOGITS_AT_ONCE.get(hidden.device.type, 2**25)
    chunk = max(1, at_once // head.weight.shape[0])
    return (slice(start, start + chunk) for start in range(0, len(hidden), chunk))


class _ChunkedKl(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, teacher: Tensor, head: Head) -> Tensor:
        kl = hidden.new_empty(len(hidden), dtype=torch.float32)
        grad = torch.empty_like(hidden)
        for part in _chunks(hidden, head):
            logits = head.logits(hidden[part])  # [chunk, vocabulary]
            log_p = functional.log_softmax(logits, dim=-1)
            log_t = functional.log_softmax(head.logits(teacher[part]), dim=-1)
            t = log_t.exp()
            kl[part] = (t * (log_t - log_p)).sum(-1)
            grad[part] = _to_hidden(log_p.exp_() - t, logits, head, hidden.dtype)
        ctx.save_for_backward(grad)
        return kl

    @staticmethod
    def backward(ctx: Any, grad_kl: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = ctx.saved_tensors
        return grad * grad_kl[:, None].to(grad.dtype), None, None


class _ChunkedNll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, targets: Tensor, head: Head) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        nll = hidden.new_empty(len(targets), dtype=torch.float32)
        grad = torch.empty_like(hidden) if wanted else None
        for part in _chunks(hidden, head):
            logits = head.logits(hidden[part])  # [chunk, vocabulary]
            log_p = functional.log_softmax(logits, dim=-1)
            target = targets[part, None]
            nll[part] = -log_p.gather(1, target)[:, 0]
            if grad is not None:
                grad[part] = _gradient(log_p, logits, target, head, hidden.dtype)
        ctx.save_for_backward(grad)
        return nll

    @staticmethod
    def backward(ctx: Any, grad_nll: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = ctx.saved_tensors
        return grad * grad_nll[:, None].to(grad.dtype), None, None


def _gradient(log_p: Tensor, logits: Tensor, target: Tensor, head: Head, dtype: torch.dtype) -> Tensor:
    """d nll / d hidden, [chunk, d]: softmax − one-hot at the logits; uses up `log_p`."""
    p = log_p.exp_()
    p.scatter_add_(1, target, p.new_full(target.shape, -1.0))
    return _to_hidden(p, logits, head, dtype)


def _to_hidden(grad: Tensor, logits: Tensor, head: Head, dtype: torch.dtype) -> Tensor:
    """From the gradient at the logits [chunk, vocabulary] to that at the hidden states [chunk, d]; uses `grad` up."""
    if head.cap is not None:
        grad *= 1.0 - (logits / head.cap) ** 2  # tanh' = 1 − tanh²
    if head.scale != 1.0:
        grad *= head.scale
    return grad.to(dtype) @ head.weight
