"""Runs of different lengths, end to end and side by side."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.models.ragged import Runs

lengths = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(lengths)
def test_padding_keeps_every_run_and_unpadding_takes_it_back(sizes: list[int]) -> None:
    x = torch.arange(1.0, sum(sizes) * 2 + 1).view(-1, 2)
    runs = Runs(sizes)
    padded = runs.pad(x)
    assert padded.shape == (len(sizes), max(sizes), 2)
    for row, run in zip(padded, x.split(sizes), strict=True):
        assert torch.equal(row[: len(run)], run)
        assert torch.equal(row[len(run) :], run[:1].expand(max(sizes) - len(run), -1))
    assert torch.equal(runs.unpad(padded), x)


@given(lengths)
def test_no_gradient_leaks_through_padding(sizes: list[int]) -> None:
    runs = Runs(sizes)
    x = torch.randn(sum(sizes), 3, dtype=torch.double, requires_grad=True)
    weight = torch.randn(len(sizes), max(sizes), 3, dtype=torch.double)
    (runs.unpad(runs.pad(x) * weight) ** 2).sum().backward()
    expected = 2 * x.detach() * runs.unpad(weight) ** 2
    torch.testing.assert_close(x.grad, expected)
    wide = torch.randn_like(weight).requires_grad_()
    runs.unpad(wide).sum().backward()
    real = torch.stack([(torch.arange(max(sizes)) < size).double() for size in sizes])
    assert torch.equal(wide.grad, real[..., None].expand_as(wide))
