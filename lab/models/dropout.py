"""LoRA's input dropout as a pure function of where a value stands.

Whether a value is dropped depends on (seed, group, step, site, sequence, position, feature) and on nothing
else: not on the groups that happen to be in flight, not on padding, not on how often a run was resumed.
The mask is a hash, computed in wrapping 32-bit integer arithmetic, the same on every device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

_GOLDEN = -1640531527  # 2³²/φ: steps through all 32-bit numbers, far apart


def hash32(text: str) -> int:
    """A 32-bit hash of `text` as a signed number, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little", signed=True)


def _mix(x: Tensor) -> Tensor:
    """Spread every bit of int32 x over all bits (the finaliser of MurmurHash3)."""
    x = (x ^ ((x >> 16) & 0xFFFF)) * -2048144789
    x = (x ^ ((x >> 13) & 0x7FFFF)) * -1028477387
    return x ^ ((x >> 16) & 0xFFFF)


def token_keys(groups: Tensor, sequences: Tensor, positions: Tensor) -> Tensor:
    """One key per token from int32 tensors of one shape: its group's hash, its sequence and its position."""
    return _mix(_mix(groups + sequences * _GOLDEN) + positions * _GOLDEN)


def dropout(keys: Tensor, site: str, probability: float) -> Callable[[Tensor], Tensor]:
    """Dropout for one site: maps x [..., width] with keys [...] to x with dropped values at zero.

    The kept values are not scaled up by 1/(1 − p): the caller has that in the adapter's scale.
    """
    salted = keys ^ hash32(site)
    # Multiply-shift hashing: a random offset and odd multiplier per token, a well-spread number per feature.
    offset, multiplier = _mix(salted)[..., None], (_mix(salted + _GOLDEN) | 1)[..., None]
    threshold = round(probability * 2**32) - 2**31

    def drop(x: Tensor) -> Tensor:
        features = _mix(torch.arange(x.shape[-1], dtype=torch.int32, device=x.device) * _GOLDEN)
        keep = (features ^ offset).mul_(multiplier) >= threshold
        return x * keep

    return drop
