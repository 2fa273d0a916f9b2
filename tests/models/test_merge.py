"""Merging adapters: what every way keeps, and what it refuses."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from merging import SITES, apart, random_adapter, updates, without
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.merge import MergeKind, cosine, distance, merge

MakeModel = Callable[..., PreTrainedModel]
EXACT: list[MergeKind] = ["exact", "svd", "ties", "dare"]  # those that are, with nothing trimmed or dropped
ALL: list[MergeKind] = [*EXACT, "factor-average"]


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
