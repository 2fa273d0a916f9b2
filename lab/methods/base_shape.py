"""How large a base model is, and what is learned for it, from its `config.json` alone: nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALL_LINEAR = "all-linear"
_NEEDED = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")


@dataclass(frozen=True, slots=True)
class BaseShape:
    """A decoder of the Llama family, which Qwen, Mistral and SmolLM share: what its linear layers read and write."""

    layers: int
    width: int  # numbers of a token's vector
    kv_width: int  # numbers of a token's keys, and again of its values, in one layer
    parameters: int
    linear: Mapping[str, tuple[int, int]]  # last name of a layer's module path → (in, out)

    def lora(self, rank: int, targets: Sequence[str]) -> int | None:
        """Weights of a LoRA, Σ r·(in + out) over the adapted layers; None where a target is not known."""
        names = self.linear if ALL_LINEAR in targets else targets
        if not set(names) <= set(self.linear):
            return None
        return self.layers * rank * sum(sum(self.linear[name]) for name in names)

    def soft_prompt(self, tokens: int) -> int:
        """Weights of a soft prompt."""
        return tokens * self.width

    def prefix(self, tokens: int) -> int:
        """Weights of a prefix: keys and values in every layer."""
        return tokens * self.layers * 2 * self.kv_width


def shape_of(config: Mapping[str, Any]) -> BaseShape | None:
    """The shape that a `config.json` tells; None for a family that says it in other words."""
    if not all(isinstance(config.get(key), int) for key in _NEEDED):
        return None
    d, inner, layers, heads, vocabulary = (config[key] for key in _NEEDED)
    size = config.get("head_dim") or d // heads
    kv = (config.get("num_key_value_heads") or heads) * size
    attention = {"q_proj": (d, heads * size), "k_proj": (d, kv), "v_proj": (d, kv), "o_proj": (heads * size, d)}
    linear = attention | {"gate_proj": (d, inner), "up_proj": (d, inner), "down_proj": (inner, d)}
    tables = 1 if config.get("tie_word_embeddings") else 2
    parameters = layers * sum(i * o for i, o in linear.values()) + tables * vocabulary * d
    return BaseShape(layers, d, kv, parameters, linear)
