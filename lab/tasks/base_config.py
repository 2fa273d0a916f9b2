"""The shape of a base model, found without loading anything and without the hub. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from lab.methods.base_shape import BaseShape, shape_of
from lab.paths import folder_at

_OFFLINE: dict[str, dict[str, Any]] = {  # before its package is fetched
    "smollm2-135m": {
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    }
}


_EVERY_LAYER = ("llama", "mistral", "qwen2", "qwen3")  # families whose linear layers a `BaseShape` names, all of them


def base_shape(base: str) -> BaseShape | None:
    """The shape of a folder's model, of an offline one, or of one in the hub's cache; None if it cannot be told."""
    return shape_of(_config(base))


def linear_layers(base: str) -> tuple[str, ...]:
    """The names of all layers that a LoRA may adapt; nothing where the family's `config.json` does not tell."""
    config = _config(base)
    shape = shape_of(config) if config.get("model_type") in _EVERY_LAYER else None
    return tuple(shape.linear) if shape else ()


def _config(base: str) -> dict[str, Any]:
    if base in _OFFLINE:
        return _OFFLINE[base]
    folder = folder_at(base)
    file = _cached(base) if folder is None else folder / "config.json"
    try:
        config = orjson.loads(file.read_bytes()) if file else {}
    except (OSError, orjson.JSONDecodeError):
        return {}
    return config if isinstance(config, dict) else {}


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None
