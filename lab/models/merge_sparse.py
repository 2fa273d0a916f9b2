"""TIES and DARE: merges that leave out elements of each adapter's update, at one site at a time.

Both work on ΔW [out, in] itself, not on its factors, and hold a few such matrices, however many adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.models.dropout import hash32


@dataclass(frozen=True)
class Term:
    """One adapter's part of a merge at one site: weight · BA."""

    adapter: str  # digest
    weight: float
    a: Tensor  # [r, in]
    b: Tensor  # [out, r], with the adapter's scale in it

    def update(self) -> Tensor:
        """The task vector τ = BA [out, in]."""
        return self.b @ self.a


def ties(terms: Sequence[Term], density: float, total: float) -> Tensor:
    """TIES-Merging (Yadav et al., NeurIPS 2023, section 4.2 and algorithm 1) at one site: [out, in].

    Trim: keep the `density` share of each τᵢ that is largest in magnitude, τ̂ᵢ.
    Elect: γ = sgn(Σ wᵢ τ̂ᵢ), element by element: the sign with more weighted mass.
    Disjoint merge: λ · Σ wᵢ τ̂ᵢ / Σ |wᵢ| over the i whose wᵢ τ̂ᵢ has the sign γ; 0 where there is no majority.

    The paper's merge has no weights: it is this one with equal ones. Its factor λ is `total` = Σ |wᵢ| over all
    adapters merged, so weights that add up to one give λ = 1, and where all agree the result is Σ wᵢ τᵢ. The
    paper trims over all sites together; here every site keeps its share, as in PEFT.

    PEFT's ties_svd elects without the weights and divides by how many agree instead of by their weights: two
    copies at (½, ½) become half an adapter there. With equal weights w its result is ours with w / n.
    """
    out, into = len(terms[0].b), terms[0].a.shape[1]
    mass = torch.zeros(2, out, into)  # Σ wᵢ τ̂ᵢ of the positive ones, of the negative ones
    share = torch.zeros(2, out, into)  # Σ |wᵢ| of the same
    for term in terms:
        part = term.weight * _trimmed(term.update(), density)
        for sign, side in enumerate((part > 0, part < 0)):
            mass[sign] += part * side
            share[sign] += abs(term.weight) * side
    mean = mass / torch.where(share > 0, share, 1.0)
    elected = mass[0] + mass[1]
    return total * (mean[0] * (elected > 0) + mean[1] * (elected < 0))


def _trimmed(update: Tensor, density: float) -> Tensor:
    """`update` with all but its ⌊density · size⌋ (at least one) largest magnitudes at zero; equals stay together."""
    magnitude = update.abs()
    size = magnitude.numel()
    place = size - max(1, int(density * size))
    threshold = float(np.partition(magnitude.numpy().ravel(), place)[place])  # twice as fast as kthvalue
    return update * (magnitude >= threshold)


def dare(terms: Sequence[Term], density: float, seed: int, site: str) -> Tensor:
    """DARE (Yu et al., ICML 2024, section 3) and a weighted sum at one site: Σ wᵢ mᵢ τᵢ / density, [out, in].

    Every element of the mask mᵢ is 1 with probability `density`, the paper's 1 − p, so the expected result is
    Σ wᵢ τᵢ. The mask is a pure function of seed, adapter and site, whatever it is merged with.
    """
    merged = torch.zeros(len(terms[0].b), terms[0].a.shape[1])
    for term in terms:
        generator = torch.Generator().manual_seed(hash32(f"{seed}/{term.adapter}/{site}"))
        keep = torch.rand(merged.shape, generator=generator) < density
        merged += term.weight / density * keep * term.update()
    return merged
