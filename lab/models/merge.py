"""Merging adapters of one base model into one, and how alike they are.

With ΔWᵢ = sᵢ BᵢAᵢ at every site and weights wᵢ, which need not add up to one:

    exact           Σ wᵢ ΔWᵢ by concatenation, rank Σ rᵢ
    svd             its best approximation of a given rank
    ties            trimmed, sign by sign; then the best approximation of a given rank
    dare            Σ wᵢ ΔWᵢ with random elements dropped; then likewise
    factor-average  s (Σ wᵢ Bᵢ)(Σ wᵢ Aᵢ), which is not Σ wᵢ ΔWᵢ: the published study's, kept to show the damage
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.lora import Adapter, concatenate
from lab.models.merge_check import check_one_model
from lab.models.merge_low_rank import truncated, truncated_product
from lab.models.merge_similarity import cosine, cosines, distance
from lab.models.merge_sparse import Term, dare, ties

__all__ = ["MergeKind", "cosine", "cosines", "distance", "merge"]

MergeKind = Literal["exact", "svd", "ties", "dare", "factor-average"]


def merge(
    adapters: Sequence[Adapter],
    weights: Sequence[float],
    how: MergeKind,
    *,
    rank: int | None = None,
    density: float = 0.5,
    seed: int = 0,
) -> Adapter:
    """One adapter on the CPU, in float32, that computes the weighted merge of `adapters`.

    Adapters that compute the same (by digest) are added up first, so merging copies never costs rank, and the
    order of the adapters changes nothing, not one bit. A site that an adapter does not have counts as zero
    there. Weights may be negative (the adapter is unlearned) and need not add up to one: twice the weights
    give twice the update, except that factor-average gives four times.

    `rank` is of svd, ties and dare (by default the largest among the adapters), `density` of ties and dare
    (the share of elements kept), `seed` of dare. LabError says what cannot be merged.
    """
    _check(adapters, weights, how, rank, density)
    distinct = _distinct(adapters, weights)
    kept, sums = [adapter for _, adapter, _ in distinct], [weight for _, _, weight in distinct]
    if how == "exact":
        return concatenate(kept, sums)
    if how == "factor-average":
        return _factor_average(kept, sums)

    rank = max(adapter.config.rank for adapter in kept) if rank is None else rank
    targets = tuple(dict.fromkeys(target for adapter in kept for target in adapter.config.targets))
    merged = Adapter(replace(kept[0].config, rank=rank, alpha=float(rank), targets=targets))
    for site in sorted({site for adapter in kept for site in adapter.a}):
        terms = [
            Term(digest, weight, adapter.a[site], adapter.b[site] * adapter.config.scale)
            for digest, adapter, weight in distinct
            if site in adapter.a
        ]
        if how == "svd":
            b, a = _svd(terms, rank)
        elif how == "ties":
            b, a = truncated(ties(terms, density, math.fsum(map(abs, sums))), rank)
        else:
            b, a = truncated(dare(terms, density, seed, site), rank)
        merged.b[site], merged.a[site] = b, a
    return merged


def _svd(terms: Sequence[Term], rank: int) -> tuple[Tensor, Tensor]:
    """Σ wᵢ ΔWᵢ at one site as the product of concatenated factors [out, Σr] and [Σr, in], truncated."""
    b = torch.cat([term.weight * term.b for term in terms], dim=1)
    return truncated_product(b, torch.cat([term.a for term in terms]), rank)


def _factor_average(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """A = Σ wᵢ Aᵢ and B = Σ wᵢ Bᵢ, each by itself: BA also has every cross term wᵢwⱼ BᵢAⱼ."""
    first = adapters[0].config
    if any((adapter.config.rank, adapter.config.scale) != (first.rank, first.scale) for adapter in adapters):
        raise LabError(
            "factor-average needs adapters of one rank and one scale (alpha / rank); "
            "these differ: merge them with svd or exact."
        )
    targets = tuple(dict.fromkeys(target for adapter in adapters for target in adapter.config.targets))
    average = Adapter(replace(first, targets=targets))
    for adapter, weight in zip(adapters, weights, strict=True):
        for total, factors in ((average.a, adapter.a), (average.b, adapter.b)):
            for site, factor in factors.items():
                total[site] = total.get(site, torch.zeros_like(factor)) + weight * factor
    return average


def _distinct(adapters: Sequence[Adapter], weights: Sequence[float]) -> list[tuple[str, Adapter, float]]:
    """(digest, adapter in float32 on the CPU, sum of its copies' weights), by digest: whatever the order was."""
    copies: dict[str, list[float]] = {}
    known: dict[str, Adapter] = {}
    for adapter, weight in zip(adapters, weights, strict=True):
        digest = adapter.digest()
        copies.setdefault(digest, []).append(float(weight))
        known[digest] = adapter
    return [(digest, _on_cpu(known[digest]), math.fsum(copies[digest])) for digest in sorted(known)]


def _on_cpu(adapter: Adapter) -> Adapter:
    a, b = (
        {site: factor.detach().to("cpu", torch.float32) for site, factor in factors.items()}
        for factors in (adapter.a, adapter.b)
    )
    return Adapter(adapter.config, a, b)


def _check(adapters: Sequence[Adapter], weights: Sequence[float], how: str, rank: int | None, density: float) -> None:
    kinds = get_args(MergeKind)
    if how not in kinds:
        raise LabError(f"There is no merge called {how!r}; choose {', '.join(kinds)}.")
    if len(weights) != len(adapters):
        raise LabError(f"A merge needs one weight per adapter; got {len(adapters)} adapters, {len(weights)} weights.")
    if not all(math.isfinite(weight) for weight in weights):
        raise LabError(f"The weights of a merge must be finite numbers; got {', '.join(map(str, weights))}.")
    if not 0.0 < density <= 1.0:
        raise LabError(f"The density of a merge is the share of elements kept, in (0, 1]; got {density}.")
    if rank is not None and how in ("exact", "factor-average"):
        raise LabError(f"The rank of {how} follows from its adapters: leave it out, or merge with svd.")
    check_one_model(adapters)
