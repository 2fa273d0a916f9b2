"""Random adapters to merge, their updates, and the same merge by PEFT."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import peft
import torch
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from lab.models.lora import Adapter, LoraConfig, attach

MakeModel = Callable[..., PreTrainedModel]
SITES = {"layers.0.q_proj": (7, 9), "layers.0.v_proj": (4, 9), "layers.1.v_proj": (4, 9)}  # out, in
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


def three_adapters(make_model: MakeModel) -> tuple[PreTrainedModel, list[Adapter]]:
    """A model and three adapters of it, of several ranks and scales."""
    plain = make_model()
    sites = attach(copy.deepcopy(plain), ["q_proj", "v_proj"])
    shapes = {site: (layer.out_features, layer.in_features) for site, layer in sites.items()}
    return plain, [random_adapter(seed, rank, alpha, shapes) for seed, rank, alpha in ((1, 2, 6), (2, 4, 2), (3, 3, 3))]


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
