"""The best approximation of a matrix by a pair of LoRA factors (Eckart and Young, 1936)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def truncated(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """B [out, rank] and A [rank, in] whose product is nearest to `matrix` [out, in] in Frobenius norm.

    Computed in float64, returned in float32. Each singular value is split evenly, √σ to B and to A; past the
    rank of `matrix` the factors are zero or next to it. The largest element of every column of B is positive.
    """
    u, sigma, vt = torch.linalg.svd(matrix.double(), full_matrices=False)
    return _factors(u, sigma, vt, rank)


def truncated_product(b: Tensor, a: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """`truncated(b @ a, rank)` for b [out, R] and a [R, in], without forming [out, in] where R is small.

    With b = Q S and aᵀ = P T (QR), b a = Q (S Tᵀ) Pᵀ, and the SVD of the small S Tᵀ is that of b a.
    """
    q, s = torch.linalg.qr(b.double())  # [out, min(out, R)], [min(out, R), R]
    p, t = torch.linalg.qr(a.double().mT)  # [in, min(in, R)], [min(in, R), R]
    u, sigma, vt = torch.linalg.svd(s @ t.mT, full_matrices=False)
    return _factors(q @ u, sigma, vt @ p.mT, rank)


def _factors(u: Tensor, sigma: Tensor, vt: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The pair from u [out, k], σ [k] (falling) and vᵀ [k, in]."""
    u, root, vt = u[:, :rank], sigma[:rank].sqrt(), vt[:rank]
    largest = u.gather(0, u.abs().argmax(dim=0, keepdim=True))  # [1, k]
    sign = torch.where(largest < 0, -1.0, 1.0)
    b, a = u * sign * root, sign.mT * root[:, None] * vt
    missing = rank - len(root)
    return functional.pad(b, (0, missing)).float(), functional.pad(a, (0, 0, 0, missing)).float()
