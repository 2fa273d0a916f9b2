"""How alike the updates of adapters are, from their factors alone: no [out, in] is formed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lab.models.lora import Adapter
from lab.models.merge_check import check_one_model


def distance(one: Adapter, other: Adapter) -> float:
    """‖ΔW₁ − ΔW₂‖ / max(‖ΔW₁‖, ‖ΔW₂‖) over all sites (Frobenius): 0 for equals, at most 2.

    0 if both are zero. Distances below about 1e-7 are lost in rounding.
    """
    products = _inner_products([one, other])
    largest = float(products.diagonal().max())
    square = float(products[0, 0] + products[1, 1] - 2 * products[0, 1])
    return math.sqrt(max(0.0, square) / largest) if largest else 0.0


def cosine(one: Adapter, other: Adapter) -> float:
    """⟨ΔW₁, ΔW₂⟩ / (‖ΔW₁‖ ‖ΔW₂‖) over all sites, in [−1, 1]; 0 if one of them is zero."""
    return float(cosines([one, other])[0, 1])


def cosines(adapters: Sequence[Adapter]) -> Tensor:
    """`cosine` of every pair, [n, n] in float64; far quicker than pair by pair."""
    products = _inner_products(adapters)
    norms = products.diagonal().sqrt()
    norms = torch.where(norms > 0, norms, 1.0)  # a zero update has no direction
    return (products / norms.outer(norms)).clamp(-1.0, 1.0)


def _inner_products(adapters: Sequence[Adapter]) -> Tensor:
    """⟨ΔWᵢ, ΔWⱼ⟩ = Σ over sites of sᵢsⱼ Σ (BᵢᵀBⱼ) ∘ (AᵢAⱼᵀ), [n, n] in float64."""
    check_one_model(adapters)
    products = torch.zeros(len(adapters), len(adapters), dtype=torch.float64)
    for site in sorted({site for adapter in adapters for site in adapter.a}):
        at = [i for i, adapter in enumerate(adapters) if site in adapter.a]
        a = torch.cat([adapters[i].a[site].detach().to("cpu", torch.float64) for i in at])  # [R, in]
        b = torch.cat(
            [adapters[i].config.scale * adapters[i].b[site].detach().to("cpu", torch.float64) for i in at], dim=1
        )  # [out, R]
        owner = torch.tensor([i for i in at for _ in adapters[i].a[site]])  # [R]
        pairs = (b.mT @ b) * (a @ a.mT)  # [R, R]
        rows = torch.zeros(len(adapters), len(owner), dtype=torch.float64).index_add_(0, owner, pairs)
        products.index_add_(1, owner, rows)
    products.diagonal().clamp_(min=0.0)  # a square, whatever rounding says
    return products
