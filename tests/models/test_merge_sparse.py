"""Merges that trim and drop: TIES and DARE."""

from __future__ import annotations

import pytest
import torch
from merging import FULL, MakeModel, apart, delta, of_matrix, peft_deltas, random_adapter, three_adapters, updates
from peft.utils.merge_utils import dare_linear

from lab.models.lora import Adapter
from lab.models.merge import distance, merge


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0.5, 0.5], [3.0, -2.0, 2.0, 0.0]),  # 3 against −1.5, then each alone, then trimmed by both
        ([0.2, 0.8], [-1.5, -2.0, 2.0, 0.0]),  # 0.6 against −1.2
        ([1.0, 1.0], [6.0, -4.0, 4.0, 0.0]),  # λ = 2
        ([1.0, 2.0], [0.0, -6.0, 6.0, 0.0]),  # 3 against −3: no majority
        ([0.5, -0.5], [2.25, 2.0, 2.0, 0.0]),  # unlearning the second: 3 and 1.5 agree
    ],
)
def test_ties_by_hand(weights: list[float], expected: list[float]) -> None:
    one, two = of_matrix([[3.0, -1.0, 2.0, 0.1]]), of_matrix([[-1.5, -2.0, 1.0, 0.1]])
    merged = merge([one, two], weights, "ties", density=0.5)
    torch.testing.assert_close(delta(merged, "q_proj"), torch.tensor([expected]).double(), atol=1e-6, rtol=1e-6)


def test_ties_means_over_those_that_agree_by_their_weights() -> None:
    matrices = [[[4.0]], [[1.0]], [[-2.0]]]
    merged = merge([of_matrix(matrix) for matrix in matrices], [0.2, 0.6, 0.2], "ties", density=1.0)
    assert delta(merged, "q_proj").item() == pytest.approx((0.2 * 4 + 0.6 * 1) / 0.8)


@pytest.mark.parametrize("density", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("rank", [None, 2, 16])
def test_ties_of_equal_weights_is_pefts(make_model: MakeModel, density: float, rank: int | None) -> None:
    """PEFT divides by the number of those that agree: its weights 1 are weights 1/3 here."""
    model, adapters = three_adapters(make_model)
    theirs = peft_deltas(model, adapters, [1.0] * 3, combination_type="ties_svd", svd_rank=rank, density=density)
    assert apart(updates(merge(adapters, [1 / 3] * 3, "ties", rank=rank, density=density)), theirs) < 1e-5


def test_dare_drops_elements_and_scales_the_rest_up() -> None:
    one = random_adapter(1)
    kept = updates(merge([one], [1.0], "dare", rank=FULL, density=0.25)) / updates(one)
    at_zero, at_four = kept.abs() < 1e-3, (kept - 4.0).abs() < 1e-3
    assert (at_zero | at_four).all()
    assert 0.1 < at_four.double().mean() < 0.4


def test_dares_mask_depends_on_seed_adapter_and_site_only() -> None:
    one, two = random_adapter(1), random_adapter(2)
    two.a["layers.1.v_proj"], two.b["layers.1.v_proj"] = two.a["layers.0.v_proj"], two.b["layers.0.v_proj"]

    def dare(*adapters: Adapter, seed: int = 0) -> Adapter:
        return merge(adapters, [1.0] * len(adapters), "dare", rank=FULL, seed=seed)

    assert apart(updates(dare(one, two)), updates(dare(one)) + updates(dare(two))) < 1e-6
    assert dare(one, two).digest() == dare(one, two, seed=0).digest()
    assert distance(dare(one), dare(one, seed=1)) > 0.1
    assert apart(delta(dare(two), "layers.0.v_proj"), delta(dare(two), "layers.1.v_proj")) > 0.1


def test_dare_is_the_exact_merge_on_average_and_spreads_as_pefts_does() -> None:
    """Per element: mean Σ wᵢτᵢ and variance Σ wᵢ² τᵢ² (1 − density) / density."""
    torch.manual_seed(0)
    sites, weights, density, times = {"q_proj": (3, 4)}, [0.7, -0.4], 0.4, 600
    adapters = [random_adapter(seed, sites=sites) for seed in (1, 2)]
    ours = torch.stack(
        [delta(merge(adapters, weights, "dare", rank=4, density=density, seed=seed), "q_proj") for seed in range(times)]
    )
    tasks = [delta(adapter, "q_proj") for adapter in adapters]
    theirs = torch.stack([dare_linear(tasks, torch.tensor(weights), density) for _ in range(times)])
    pairs = list(zip(tasks, weights, strict=True))
    mean = sum(weight * task for task, weight in pairs)
    variance = sum(weight**2 * task**2 for task, weight in pairs) * (1 - density) / density
    for sample in (ours, theirs):
        assert ((sample.mean(0) - mean).abs() < 5 * (variance / times).sqrt()).all()
        torch.testing.assert_close(sample.var(0), variance, rtol=0.3, atol=1e-3)
