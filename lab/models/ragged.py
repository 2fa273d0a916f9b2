"""Runs of different lengths: end to end for the base model, side by side where a step needs a rectangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Runs:
    """n runs of rows that lie end to end in a tensor [T, ...]; T is the sum of `lengths`.

    `pad` lays them side by side, [n, longest, ...], and `unpad` takes that back. Behind the end of a shorter
    run `pad` repeats the run's own first row, so that nothing of one run, not even a NaN, gets into another;
    no gradient flows into or out of that.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device | str = "cpu") -> None:
        self.lengths = tuple(lengths)
        self.n, self.longest = len(lengths), max(lengths)
        sizes = torch.tensor(lengths)  # [n]
        starts = sizes.cumsum(0) - sizes  # [n]
        place = torch.arange(self.longest)  # [longest]
        real = place < sizes[:, None]  # [n, longest]
        self._source = (starts[:, None] + torch.where(real, place, 0)).flatten().to(device)  # [n · longest] → row of T
        self._target = real.flatten().nonzero().squeeze(1).to(device)  # [T] → row of n · longest

    def pad(self, x: Tensor) -> Tensor:
        """Lay x [T, ...] out as [n, longest, ...]."""
        padded: Tensor = _Pad.apply(x, self._source, self._target)  # type: ignore[no-untyped-call]
        return padded.view(self.n, self.longest, *x.shape[1:])

    def unpad(self, x: Tensor) -> Tensor:
        """Lay x [n, longest, ...] end to end again, [T, ...]."""
        flat: Tensor = _Unpad.apply(x.reshape(self.n * self.longest, *x.shape[2:]), self._target)  # type: ignore[no-untyped-call]
        return flat


class _Pad(torch.autograd.Function):
    """Gather rows; the gradient is a gather too, where autograd's own would add rows up one by one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(target)
        return x.index_select(0, source)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (target,) = ctx.saved_tensors
        return grad.index_select(0, target), None, None


class _Unpad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(target)
        ctx.rows = x.shape[0]
        return x.index_select(0, target)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (target,) = ctx.saved_tensors
        return grad.new_zeros(ctx.rows, *grad.shape[1:]).index_copy_(0, target, grad), None
