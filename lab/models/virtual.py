"""Virtual tokens: what a persona learns to put before its dialogues instead of changing weights.

A soft prompt (Lester et al. 2021) is vectors at the model's input. A prefix (Li & Liang 2021) is keys and values
in every layer, which all tokens can attend to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from lab.errors import LabError

if TYPE_CHECKING:
    from transformers import PreTrainedModel  # which takes seconds to import: `lab export` needs none

VirtualKind = Literal["soft-prompt", "prefix"]
VIRTUAL = -1  # stands for a soft prompt's token where token ids are listed


@dataclass(frozen=True)
class VirtualConfig:
    """How many virtual tokens, and whether they are input vectors or keys and values."""

    kind: VirtualKind = "soft-prompt"
    tokens: int = 10

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise LabError(f"A {self.kind} needs at least 1 virtual token; got {self.tokens}.")


@dataclass
class VirtualTokens:
    """One trained soft prompt or prefix, float32.

    `vectors` is [v, d] for a soft prompt. For a prefix it is [v, layers · 2 · heads · size], keys before
    values within a layer, the way PEFT keeps it.
    """

    config: VirtualConfig
    vectors: Tensor

    def digest(self) -> str:
        """SHA-256 (hex) of its kind, shape and float32 numbers."""
        sha = hashlib.sha256(json.dumps([self.config.kind, list(self.vectors.shape)]).encode())
        sha.update(self.vectors.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return sha.hexdigest()

    def parameters(self) -> int:
        """Number of weights stored."""
        return self.vectors.numel()


@dataclass(frozen=True)
class KeyValueShape:
    """What one token leaves in a model's key-value cache."""

    layers: int
    heads: int
    size: int

    @property
    def width(self) -> int:
        """Numbers per token."""
        return self.layers * 2 * self.heads * self.size

    def spread(self, vectors: Tensor) -> Tensor:
        """Map prefixes [n, v, width] to keys and values [layers, 2, n, heads, v, size]."""
        n, v, _ = vectors.shape
        return vectors.view(n, v, self.layers, 2, self.heads, self.size).permute(2, 3, 0, 4, 1, 5)


def key_value_shape(model: PreTrainedModel) -> KeyValueShape:
    """The shape for this model; `LabError` if its layers do not all keep plain keys and values of one size."""
    shapes = {tuple(x.shape[1:]) for layer in _read(model, [0]) for x in layer}
    if len(shapes) != 1:
        raise LabError(f"{type(model).__name__} keeps no plain keys and values, so it cannot have a prefix.")
    heads, _, size = shapes.pop()
    return KeyValueShape(model.config.get_text_config().num_hidden_layers, heads, size)


def initial_tokens(model: PreTrainedModel, config: VirtualConfig, seed: int) -> VirtualTokens:
    """The one start of all groups of a run: what real tokens, drawn from the vocabulary, are to the model.

    For a soft prompt their embeddings (Lester et al., section 3.2), for a prefix the keys and values that the
    base model makes of them (Li & Liang, section 7.4): both papers found real tokens better than noise.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(model.config.get_text_config().vocab_size, (config.tokens,), generator=generator)
    if config.kind == "soft-prompt":
        vectors = model.get_input_embeddings()(ids.to(model.device))
    else:
        layers = torch.stack([torch.stack(layer) for layer in _read(model, ids.tolist())])  # [L, 2, 1, heads, v, size]
        vectors = layers[:, :, 0].permute(3, 0, 1, 2, 4).flatten(1)
    return VirtualTokens(config, vectors.detach().float().cpu().clone())


@torch.no_grad()
def _read(model: PreTrainedModel, ids: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Keys and values [1, heads, tokens, size] of each layer after these tokens."""
    cache = model(input_ids=torch.tensor([ids], device=model.device), use_cache=True).past_key_values
    layers = getattr(cache, "layers", [])
    if not layers or not all(isinstance(getattr(layer, "keys", None), Tensor) for layer in layers):
        raise LabError(f"{type(model).__name__} keeps no plain keys and values, so it cannot have a prefix.")
    return [(layer.keys, layer.values) for layer in layers]
