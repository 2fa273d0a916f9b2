"""Low-rank adapters (LoRA, Hu et al. 2021) of many groups at once over one frozen base.

    y = base(x) + s · (x Aᵀ) Bᵀ          A [r, in], B [out, r], s = alpha / r

`GroupedLinear` computes it for N groups in one batch: the batch is N runs, run n uses pair n. Serving sets
one pair per row (equal runs), training a trainable pair per group (runs of any length): one code path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.errors import LabError
from lab.models.ragged import Runs

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # which takes seconds to import: `lab export` needs none

ALL_LINEAR = "all-linear"  # as PEFT has it


@dataclass(frozen=True)
class LoraConfig:
    """Shape of an adapter. `targets` are the last names of the adapted layers' module paths."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.targets:
            raise LabError(f"LoRA needs rank ≥ 1 and a target layer; got rank {self.rank}, targets {self.targets}.")
        if not 0.0 <= self.dropout < 1.0:
            raise LabError(f"LoRA dropout must be in [0, 1); got {self.dropout}.")

    @property
    def scale(self) -> float:
        """The factor s before BA."""
        return self.alpha / self.rank


@dataclass(slots=True)
class Factors:
    """One adapted layer's pairs for N groups (or N rows): y += scale · (dropout(x) Aᵀ) Bᵀ.

    `scale` is one number, one per pair [N], or one for each number of the inner width [N, 1 or m, r]. `dropout`
    maps x [N, m, in] to the same shape. Without `runs` the batch is N equal runs of rows; with them, its tokens
    end to end are N runs of these lengths.
    """

    a: Tensor  # [N, r, in]
    b: Tensor  # [N, out, r]
    scale: float | Tensor
    dropout: Callable[[Tensor], Tensor] | None = None
    runs: Runs | None = None

    def add_to(self, y: Tensor, x: Tensor) -> Tensor:
        """Return y + s · (x Aᵀ) Bᵀ for y [rows, ..., out] and x [rows, ..., in]."""
        n, width = self.a.shape[0], x.shape[-1]
        # [N, m, in]
        x = x.reshape(n, -1, width) if self.runs is None else self.runs.pad(x.reshape(-1, width))
        if self.dropout is not None:
            x = self.dropout(x)
        low = torch.bmm(x, self.a.to(x.dtype).mT)  # [N, m, r]
        scale = self.scale
        if isinstance(scale, Tensor):
            scale = scale.to(low.dtype)
            scale = scale.view(n, 1, 1) if scale.ndim == 1 else scale
        low = low * scale
        b = self.b.to(x.dtype).mT  # [N, r, out]
        if self.runs is None:
            return torch.baddbmm(y.reshape(n, -1, y.shape[-1]), low, b).view_as(y)
        return y + self.runs.unpad(torch.bmm(low, b)).view_as(y)


class GroupedLinear(nn.Module):
    """A frozen linear layer with a stack of low-rank factors on top; plain while `factors` is ().

    It holds the layer's own `weight` and `bias`, so the model's state dict keeps its names.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.factors: tuple[Factors, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Map x [rows, ..., in] to [rows, ..., out]; the number of pairs N must divide rows."""
        y = functional.linear(x, self.weight, self.bias)
        for factors in self.factors:
            y = factors.add_to(y, x)
        return y


def attach(model: nn.Module, targets: Sequence[str]) -> dict[str, GroupedLinear]:
    """Replace every linear layer named in `targets` by a `GroupedLinear`, in place, and freeze the model.

    Returns site (module path) → layer for these targets. Calling it again returns the same layers and adds
    what is missing. A target that matches no layer, or the output head, is a `LabError`.
    """
    model.requires_grad_(False)
    head = getattr(model, "get_output_embeddings", lambda: None)()
    sites: dict[str, GroupedLinear] = {}
    linear_names: set[str] = set()
    for path, module in list(model.named_modules()):
        if not isinstance(module, nn.Linear | GroupedLinear) or module is head:
            continue  # logits are made apart from the model, for wanted tokens only: the head stays what it is
        name = path.rpartition(".")[2]
        linear_names.add(name)
        if name in targets:
            sites[path] = module if isinstance(module, GroupedLinear) else _replace(model, path, module)
    missing = sorted(set(targets) - {path.rpartition(".")[2] for path in sites})
    if missing:
        raise LabError(
            f"No linear layer of this model below its output head is called {', '.join(missing)}; "
            f"it has {', '.join(sorted(linear_names)) or 'none'}."
        )
    return sites


def named_targets(model: PreTrainedModel, targets: Sequence[str]) -> tuple[str, ...]:
    """The targets with `ALL_LINEAR` spelled out: the last names of all linear layers but the output head."""
    if ALL_LINEAR not in targets:
        return tuple(targets)
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    linear = (path for path, layer in model.named_modules() if isinstance(layer, nn.Linear | GroupedLinear))
    names = {path.rpartition(".")[2] for path in linear if model.get_submodule(path) is not head}
    return tuple(sorted(names.union(targets) - {ALL_LINEAR}))


def _replace(model: nn.Module, path: str, linear: nn.Linear) -> GroupedLinear:
    parent, _, name = path.rpartition(".")
    grouped = GroupedLinear(linear)
    setattr(model.get_submodule(parent), name, grouped)
    return grouped


def clear(sites: dict[str, GroupedLinear]) -> None:
    """Take all factors off: the layers are the plain base again."""
    for layer in sites.values():
        layer.factors = ()


@dataclass
class Adapter:
    """One trained adapter: for each site its pair of float32 factors."""

    config: LoraConfig
    a: dict[str, Tensor] = field(default_factory=dict)  # site → [r, in]
    b: dict[str, Tensor] = field(default_factory=dict)  # site → [out, r]

    def digest(self) -> str:
        """SHA-256 (hex) of what the adapter computes: its scale, sites, shapes and float32 weights."""
        sha = hashlib.sha256()
        for site in sorted(self.a):
            a, b = self.a[site], self.b[site]
            sha.update(json.dumps([site, self.config.scale, list(a.shape), list(b.shape)]).encode())
            for weights in (a, b):
                sha.update(weights.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return sha.hexdigest()

    def parameters(self) -> int:
        """Number of weights stored."""
        return sum(w.numel() for w in (*self.a.values(), *self.b.values()))


def concatenate(adapters: Sequence[Adapter], weights: Sequence[float] | None = None) -> Adapter:
    """One adapter that computes ΔW = Σ wᵢ sᵢ BᵢAᵢ exactly, of rank Σ rᵢ and scale 1.

    The weight and scale go into B. A site that one of the adapters does not have counts as zero there.
    """
    if not adapters:
        raise LabError("Nothing to concatenate: give at least one adapter.")
    weights = [1.0] * len(adapters) if weights is None else weights
    rank = sum(adapter.config.rank for adapter in adapters)
    targets = tuple(dict.fromkeys(t for adapter in adapters for t in adapter.config.targets))
    config = replace(adapters[0].config, rank=rank, alpha=float(rank), targets=targets)
    joined = Adapter(config)
    for site in dict.fromkeys(site for adapter in adapters for site in adapter.a):
        pairs = [
            (adapter.a[site], adapter.b[site] * (weight * adapter.config.scale))
            for adapter, weight in zip(adapters, weights, strict=True)
            if site in adapter.a
        ]
        a = torch.cat([a for a, _ in pairs])  # [≤ rank, in]
        b = torch.cat([b for _, b in pairs], dim=1)  # [out, ≤ rank]
        joined.a[site] = functional.pad(a, (0, 0, 0, rank - a.shape[0]))
        joined.b[site] = functional.pad(b, (0, rank - b.shape[1]))
    return joined
