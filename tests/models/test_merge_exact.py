"""The exact merge, its best approximation of a given rank, and how far the average of factors is off."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from merging import (
    FULL,
    SITES,
    MakeModel,
    adapters_of,
    apart,
    delta,
    parts,
    peft_deltas,
    random_adapter,
    three_adapters,
    updates,
)

from lab.errors import LabError
from lab.models.lora import Adapter, Factors, attach
from lab.models.merge import distance, merge


@settings(deadline=None, max_examples=30)
@given(parts)
def test_the_exact_merge_is_the_sum_of_products(drawn: list[tuple[int, int, float, float]]) -> None:
    adapters, weights = adapters_of(drawn)
    merged = merge(adapters, weights, "exact")
    pairs = list(zip(adapters, weights, strict=True))
    size = sum(abs(weight) * updates(adapter).norm() for adapter, weight in pairs)
    assert (updates(merged) - sum(weight * updates(adapter) for adapter, weight in pairs)).norm() <= 1e-6 * size
    assert merged.config.rank == sum(adapter.config.rank for adapter in {a.digest(): a for a in adapters}.values())


@settings(deadline=None, max_examples=30)
@given(parts)
def test_svd_of_full_rank_is_the_exact_merge(drawn: list[tuple[int, int, float, float]]) -> None:
    adapters, weights = adapters_of(drawn)
    exact, full = merge(adapters, weights, "exact"), merge(adapters, weights, "svd", rank=FULL)
    size = sum(abs(weight) * updates(a).norm() for a, weight in zip(adapters, weights, strict=True))
    assert (updates(full) - updates(exact)).norm() <= 1e-6 * size
    assert full.config.rank == FULL


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
def test_svd_of_lower_rank_is_the_best_there_is(rank: int) -> None:
    """Eckart and Young: what is left over is exactly the rest of the singular values."""
    adapters, weights = [random_adapter(seed, rank=3) for seed in range(3)], [0.5, 0.3, 0.2]
    exact, merged = merge(adapters, weights, "exact"), merge(adapters, weights, "svd", rank=rank)
    for site in SITES:
        u, sigma, vt = torch.linalg.svd(delta(exact, site), full_matrices=False)
        assert apart(delta(merged, site), u[:, :rank] * sigma[:rank] @ vt[:rank]) < 1e-6
        left = (delta(merged, site) - delta(exact, site)).norm()
        torch.testing.assert_close(left, sigma[rank:].norm(), atol=1e-6 * float(sigma[0]), rtol=1e-6)


def test_svd_keeps_the_largest_rank_and_splits_the_singular_values_evenly() -> None:
    merged = merge([random_adapter(1, rank=2), random_adapter(2, rank=3)], [0.5, 0.5], "svd")
    assert (merged.config.rank, merged.config.scale) == (3, 1.0)
    for site in SITES:
        a, b = merged.a[site], merged.b[site]
        torch.testing.assert_close(a @ a.T, b.T @ b)  # σ on both diagonals
        torch.testing.assert_close(a @ a.T, torch.diag((a @ a.T).diagonal()), atol=1e-5, rtol=0.0)
        assert (b.gather(0, b.abs().argmax(0, keepdim=True)) > 0).all()


@torch.no_grad()
def test_a_model_with_the_exact_merge_equals_one_with_the_updates_added_to_its_weights(make_model: MakeModel) -> None:
    plain = make_model()
    sites = attach(copy.deepcopy(plain), ["q_proj", "v_proj"])
    shapes = {site: (layer.out_features, layer.in_features) for site, layer in sites.items()}
    adapters, weights = [random_adapter(seed, 2, 0.4, shapes) for seed in range(3)], [0.7, -0.2, 0.4]
    by_hand = copy.deepcopy(plain)
    for site in shapes:
        for adapter, weight in zip(adapters, weights, strict=True):
            by_hand.get_submodule(site).weight += (weight * delta(adapter, site)).float()  # type: ignore[operator]
    served, merged = copy.deepcopy(plain), merge(adapters, weights, "exact")
    for site, layer in attach(served, ["q_proj", "v_proj"]).items():
        layer.factors = (Factors(merged.a[site][None], merged.b[site][None], merged.config.scale),)
    ids = torch.arange(3, 60, 4).view(3, 5)
    expected = by_hand(input_ids=ids).logits
    torch.testing.assert_close(served(input_ids=ids).logits, expected, atol=2e-5, rtol=1e-5)
    assert not torch.allclose(plain(input_ids=ids).logits, expected, atol=1e-2)


def test_the_factor_average_is_far_from_the_average() -> None:
    """Of two unrelated adapters half of what is left are cross terms: 71% off; of eight, 94%."""
    for number, off in ((2, 1 / math.sqrt(2)), (8, math.sqrt(7 / 8))):
        adapters, weights = [random_adapter(seed, rank=4) for seed in range(number)], [1 / number] * number
        average, exact = merge(adapters, weights, "factor-average"), merge(adapters, weights, "exact")
        assert distance(average, exact) == pytest.approx(off, abs=0.1)


def test_the_factor_average_of_an_adapter_and_its_twin_is_nothing() -> None:
    """(−B)(−A) = BA: the two compute the same, and their factors cancel."""
    one = random_adapter(1)
    twin = Adapter(one.config, {s: -a for s, a in one.a.items()}, {s: -b for s, b in one.b.items()})
    assert distance(one, twin) == 0.0
    assert distance(merge([one, twin], [0.5, 0.5], "exact"), one) < 1e-7
    assert distance(merge([one, twin], [0.5, 0.5], "factor-average"), one) == 1.0


def test_the_factor_average_is_right_where_all_share_a() -> None:
    one, two = random_adapter(1), random_adapter(2)
    two.a = one.a
    average, exact = (merge([one, two], [0.3, 0.7], how) for how in ("factor-average", "exact"))
    assert average.config.rank == 2
    assert distance(average, exact) < 1e-6


@pytest.mark.parametrize("other", [random_adapter(2, rank=3, alpha=9.0), random_adapter(2, alpha=3.0)])
def test_the_factor_average_needs_equal_ranks_and_scales(other: Adapter) -> None:
    with pytest.raises(LabError, match="factor-average needs adapters of one rank and one scale"):
        merge([random_adapter(1), other], [0.5, 0.5], "factor-average")


@pytest.mark.parametrize("rank", [None, 2])
def test_svd_is_pefts(make_model: MakeModel, rank: int | None) -> None:
    model, adapters = three_adapters(make_model)
    weights = [0.5, 0.8, -0.3]
    theirs = peft_deltas(model, adapters, weights, combination_type="svd", svd_rank=rank)
    assert apart(updates(merge(adapters, weights, "svd", rank=rank)), theirs) < 1e-5
