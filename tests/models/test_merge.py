"""Merging adapters: what each way computes, how exactly, and what it refuses."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft.utils.merge_utils import dare_linear
from torch import Tensor
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.lora import Adapter, Factors, LoraConfig, attach
from lab.models.merge import MergeKind, cosine, cosines, distance, merge

MakeModel = Callable[..., PreTrainedModel]
SITES = {"layers.0.q_proj": (7, 9), "layers.0.v_proj": (4, 9), "layers.1.v_proj": (4, 9)}  # out, in
EXACT: list[MergeKind] = ["exact", "svd", "ties", "dare"]  # those that are, with nothing trimmed or dropped
ALL: list[MergeKind] = [*EXACT, "factor-average"]
FULL = 9  # no site has a higher rank


def random_adapter(
    seed: int, rank: int = 2, alpha: float = 6.0, sites: Mapping[str, tuple[int, int]] = SITES
) -> Adapter:
    g = torch.Generator().manual_seed(seed)
    return Adapter(
        LoraConfig(rank=rank, alpha=alpha),
        {site: torch.randn(rank, into, generator=g) for site, (_, into) in sites.items()},
        {site: torch.randn(out, rank, generator=g) for site, (out, _) in sites.items()},
    )


def of_matrix(matrix: list[list[float]]) -> Adapter:
    """The adapter whose update at its one site is this matrix."""
    b = torch.tensor(matrix)
    return Adapter(
        LoraConfig(b.shape[1], b.shape[1], targets=("q_proj",)), {"q_proj": torch.eye(b.shape[1])}, {"q_proj": b}
    )


def delta(adapter: Adapter, site: str) -> Tensor:
    """ΔW [out, in] in float64."""
    return adapter.config.scale * adapter.b[site].double() @ adapter.a[site].double()


def updates(adapter: Adapter) -> Tensor:
    """ΔW of all sites, end to end."""
    return torch.cat([delta(adapter, site).flatten() for site in sorted(adapter.a)])


def apart(one: Tensor, other: Tensor) -> float:
    """Relative distance of two tensors."""
    return float((one - other).norm() / torch.maximum(one.norm(), other.norm()))


def without(adapter: Adapter, site: str) -> Adapter:
    kept = copy.deepcopy(adapter)
    del kept.a[site], kept.b[site]
    return kept


hundredths = st.integers(-200, 200).map(lambda weight: weight / 100)
parts = st.lists(  # seed, rank, alpha, weight
    st.tuples(st.integers(0, 99), st.integers(1, 4), st.floats(0.5, 20.0), hundredths), min_size=1, max_size=4
)


def adapters_of(drawn: list[tuple[int, int, float, float]]) -> tuple[list[Adapter], list[float]]:
    return [random_adapter(*part[:3]) for part in drawn], [part[3] for part in drawn]


# ---------------------------------------------------------------- what every merge keeps


@pytest.mark.parametrize("how", ALL)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), rank=st.integers(1, 5), alpha=st.floats(0.1, 64.0))
def test_two_copies_half_and_half_are_the_adapter_itself(how: MergeKind, seed: int, rank: int, alpha: float) -> None:
    one = random_adapter(seed, rank, alpha)
    merged = merge([one, copy.deepcopy(one)], [0.5, 0.5], how, density=1.0)
    assert merged.config.rank == rank
    assert apart(updates(merged), updates(one)) < 1e-6
    assert merged.digest() == merge([one], [1.0], how, density=1.0).digest()


@pytest.mark.parametrize("how", ALL)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_the_order_of_the_adapters_changes_nothing(how: MergeKind, data: st.DataObject) -> None:
    seeds = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=5))  # with copies
    pairs = [(random_adapter(seed), 0.1 * place - 0.15) for place, seed in enumerate(seeds)]
    shuffled = data.draw(st.permutations(pairs))
    one, other = (merge([a for a, _ in each], [w for _, w in each], how) for each in (pairs, shuffled))
    assert one.digest() == other.digest()
    assert one.config == other.config


@pytest.mark.parametrize("how", ALL)
def test_a_missing_site_counts_as_zero(how: MergeKind) -> None:
    one, two, site = random_adapter(1), random_adapter(2), "layers.1.v_proj"
    silent = copy.deepcopy(two)
    silent.a[site], silent.b[site] = torch.zeros(2, 9), torch.zeros(4, 2)
    merged, expected = (merge([one, each], [0.4, 0.8], how, density=1.0) for each in (without(two, site), silent))
    assert merged.a.keys() == SITES.keys()
    assert apart(updates(merged), updates(expected)) < 1e-6


@pytest.mark.parametrize("how", EXACT)
@pytest.mark.parametrize("factor", [3.0, -1.0])
def test_weights_need_not_add_up_to_one(how: MergeKind, factor: float) -> None:
    """They scale the update."""
    adapters = [random_adapter(seed) for seed in range(3)]
    once, scaled = (merge(adapters, [0.2 * by, 0.3 * by, 0.5 * by], how) for by in (1.0, factor))
    assert apart(updates(scaled), factor * updates(once)) < 1e-6


@pytest.mark.parametrize("how", ALL)
def test_inputs_stay_as_they_are_and_the_result_is_plain_float32(how: MergeKind) -> None:
    adapters = [random_adapter(1), random_adapter(2)]
    adapters[0].a = {site: torch.nn.Parameter(a) for site, a in adapters[0].a.items()}
    adapters[1].b = {site: b.bfloat16() for site, b in adapters[1].b.items()}
    before = [adapter.digest() for adapter in adapters]
    merged = merge(adapters, [1.0, 1.0], how)
    assert [adapter.digest() for adapter in adapters] == before
    factors = [*merged.a.values(), *merged.b.values()]
    assert {(f.dtype, f.device.type, f.requires_grad) for f in factors} == {(torch.float32, "cpu", False)}
    assert all(merged.a[site].shape == (merged.config.rank, into) for site, (_, into) in SITES.items())
    assert all(merged.b[site].shape == (out, merged.config.rank) for site, (out, _) in SITES.items())


# ---------------------------------------------------------------- exact and svd


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


# ---------------------------------------------------------------- factor-average


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


# ---------------------------------------------------------------- ties


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


def peft_deltas(plain: PreTrainedModel, adapters: Sequence[Adapter], weights: list[float], **how: object) -> Tensor:
    """ΔW of all sites of PEFT's `add_weighted_adapter`, end to end."""
    model = peft.PeftModel(copy.deepcopy(plain), peft.LoraConfig(r=1, target_modules=["q_proj", "v_proj"]), "none")
    names = [f"adapter-{place}" for place in range(len(adapters))]
    for name, adapter in zip(names, adapters, strict=True):
        config = adapter.config
        model.add_adapter(
            name, peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=["q_proj", "v_proj"])
        )
        for site in adapter.a:
            layer = model.get_submodule(f"base_model.model.{site}")
            layer.lora_A[name].weight.data = adapter.a[site].clone()
            layer.lora_B[name].weight.data = adapter.b[site].clone()
    model.base_model.add_weighted_adapter(names, weights, "merged", **how)
    layers = [model.get_submodule(f"base_model.model.{site}") for site in sorted(adapters[0].a)]
    return torch.cat([layer.get_delta_weight("merged").detach().flatten() for layer in layers]).double()


@pytest.fixture
def trio(make_model: MakeModel) -> tuple[PreTrainedModel, list[Adapter]]:
    """A model and three adapters of it, of several ranks and scales."""
    plain = make_model()
    sites = attach(copy.deepcopy(plain), ["q_proj", "v_proj"])
    shapes = {site: (layer.out_features, layer.in_features) for site, layer in sites.items()}
    return plain, [random_adapter(seed, rank, alpha, shapes) for seed, rank, alpha in ((1, 2, 6), (2, 4, 2), (3, 3, 3))]


@pytest.mark.parametrize("density", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("rank", [None, 2, 16])
def test_ties_of_equal_weights_is_pefts(
    trio: tuple[PreTrainedModel, list[Adapter]], density: float, rank: int | None
) -> None:
    """PEFT divides by the number of those that agree: its weights 1 are weights 1/3 here."""
    theirs = peft_deltas(*trio, [1.0] * 3, combination_type="ties_svd", svd_rank=rank, density=density)
    assert apart(updates(merge(trio[1], [1 / 3] * 3, "ties", rank=rank, density=density)), theirs) < 1e-5


@pytest.mark.parametrize("rank", [None, 2])
def test_svd_is_pefts(trio: tuple[PreTrainedModel, list[Adapter]], rank: int | None) -> None:
    weights = [0.5, 0.8, -0.3]
    theirs = peft_deltas(*trio, weights, combination_type="svd", svd_rank=rank)
    assert apart(updates(merge(trio[1], weights, "svd", rank=rank)), theirs) < 1e-5


# ---------------------------------------------------------------- dare


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


# ---------------------------------------------------------------- how alike


@settings(deadline=None, max_examples=30)
@given(parts.filter(lambda drawn: len(drawn) > 1))
def test_distance_and_cosine_are_those_of_the_updates(drawn: list[tuple[int, int, float, float]]) -> None:
    adapters, _ = adapters_of(drawn)
    matrix = cosines(adapters)
    for (i, one), (j, other) in itertools.product(enumerate(adapters), repeat=2):
        w1, w2 = updates(one), updates(other)
        expected = float(w1 @ w2 / (w1.norm() * w2.norm()))
        assert cosine(one, other) == pytest.approx(expected, abs=1e-6)
        assert matrix[i, j] == pytest.approx(expected, abs=1e-6)
        assert distance(one, other) == pytest.approx(apart(w1, w2), abs=1e-6)


def test_an_untrained_adapter_is_like_no_other() -> None:
    one, zero = random_adapter(1), random_adapter(2)
    zero.b = {site: torch.zeros_like(b) for site, b in zero.b.items()}
    assert cosine(one, zero) == cosine(zero, zero) == 0.0
    assert distance(one, zero) == 1.0
    assert distance(zero, zero) == 0.0
    assert distance(without(one, "layers.1.v_proj"), one) > 0.1


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("count", "weights", "options", "message"),
    [
        (0, [], {}, "nothing to merge"),
        (2, [1.0], {}, "one weight per adapter; got 2 adapters, 1 weights"),
        (2, [0.5, math.nan], {}, "must be finite numbers; got 0.5, nan"),
        (1, [math.inf], {}, "must be finite"),
        (1, [1.0], {"density": 0.0}, r"in \(0, 1\]; got 0.0"),
        (1, [1.0], {"density": 1.1}, r"in \(0, 1\]; got 1.1"),
        (1, [1.0], {"how": "mean"}, "no merge called 'mean'; choose exact, svd, ties, dare, factor-average"),
        (1, [1.0], {"how": "svd", "rank": 0}, "rank ≥ 1"),
        (1, [1.0], {"how": "exact", "rank": 4}, "rank of exact follows from its adapters"),
    ],
)
def test_what_cannot_be_merged_is_told(
    count: int, weights: list[float], options: dict[str, object], message: str
) -> None:
    adapters = [random_adapter(seed) for seed in range(count)]
    with pytest.raises(LabError, match=message):
        merge(adapters, weights, **({"how": "ties"} | options))  # type: ignore[arg-type]


def test_adapters_of_other_models_are_refused() -> None:
    one = random_adapter(1)
    wider = random_adapter(2, sites={"layers.0.q_proj": (7, 10)})
    with pytest.raises(LabError, match=r"not of the same base model.*layers.0.q_proj is \(7, 10\) there and \(7, 9\)"):
        merge([one, wider], [0.5, 0.5], "exact")
    elsewhere = random_adapter(2, sites={"h.0.attn": (7, 9)})
    for compare in (distance, cosine, lambda *pair: merge(pair, [0.5, 0.5], "svd")):
        with pytest.raises(LabError, match=r"not of one base model: h.0.attn has no site in common with layers.0"):
            compare(one, elsewhere)


def test_a_chain_of_shared_sites_is_one_model() -> None:
    q = random_adapter(1, sites={"layers.0.q_proj": (7, 9)})
    v = without(random_adapter(2), "layers.0.q_proj")
    for order in itertools.permutations([q, v, random_adapter(3)]):
        assert merge(order, [1.0, 1.0, 1.0], "exact").a.keys() == SITES.keys()


def test_a_broken_adapter_is_refused() -> None:
    broken = random_adapter(1)
    broken.b["layers.0.q_proj"][0, 0] = math.nan
    with pytest.raises(LabError, match=r"Adapter 2 is broken: its factors at layers.0.q_proj"):
        merge([random_adapter(2), broken], [0.5, 0.5], "svd")
