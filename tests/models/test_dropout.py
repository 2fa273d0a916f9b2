"""The dropout mask: how much it drops, and what it depends on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lab.models.dropout import dropout, hash32, token_keys


def keys(group: str = "a", sequence: int = 0, tokens: int = 2000) -> Tensor:
    groups = torch.full((tokens,), hash32(group), dtype=torch.int32)
    sequences = torch.full_like(groups, sequence)
    return token_keys(groups, sequences, torch.arange(tokens, dtype=torch.int32))


def kept(token: Tensor, site: str = "q", p: float = 0.1, width: int = 256) -> Tensor:
    return dropout(token, site, p)(torch.ones(len(token), width)).double()


@pytest.mark.parametrize("p", [0.01, 0.05, 0.5])
def test_it_drops_the_share_asked_for(p: float) -> None:
    mask = kept(keys(), p=p)
    error = (p * (1 - p) / mask.numel()) ** 0.5
    assert abs(1 - float(mask.mean()) - p) < 5 * error
    assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_tokens_and_features_are_dropped_independently() -> None:
    mask = kept(keys(), p=0.1)
    z = (mask - mask.mean()) / mask.std()
    for matrix in (z, z.T):  # correlations of rows, then of columns: noise of size 1/√n and no more
        n = matrix.shape[1]
        correlation = matrix @ matrix.T / n
        correlation.fill_diagonal_(0.0)
        assert float(correlation.pow(2).mean().sqrt()) * n**0.5 == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "other",
    [(keys("b"), "q"), (keys(sequence=1), "q"), (keys(), "v")],
    ids=["group or step", "sequence", "site"],
)
def test_another_group_sequence_or_site_has_a_mask_of_its_own(other: tuple[Tensor, str]) -> None:
    one, two = kept(keys()), kept(*other)
    covariance = float(((one - 0.9) * (two - 0.9)).mean())
    assert abs(covariance) < 5 * 0.09 / one.numel() ** 0.5


def test_a_token_keeps_its_mask_wherever_it_lies() -> None:
    token = keys(tokens=12)
    whole = kept(token)
    assert torch.equal(kept(token[5:9]), whole[5:9])
    assert torch.equal(dropout(token.view(3, 4), "q", 0.1)(torch.ones(3, 4, 256)).view(12, 256).double(), whole)


def test_kept_values_pass_unscaled_in_their_own_type() -> None:
    x = torch.randn(2000, 256, dtype=torch.bfloat16)
    dropped = dropout(keys(), "q", 0.1)(x)
    assert dropped.dtype == x.dtype
    assert torch.equal(dropped, x * kept(keys()).bfloat16())
