"""The shape of a base model, found without loading anything and without the hub. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from lab.methods.base_shape import BaseShape, shape_of
from lab.paths import folder_at

_OFFLINE: dict[str, dict[str, Any]] = {  # before its package is fetched
    "smollm2-135m": {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    }
}


def base_shape(base: str) -> BaseShape | None:
    """The shape of a folder's model, of an offline one, or of one in the hub's cache; None if it cannot be told."""
    if base in _OFFLINE:
        return shape_of(_OFFLINE[base])
    folder = folder_at(base)
    file = _cached(base) if folder is None else folder / "config.json"
    if file is None:
        return None
    try:
        config = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return shape_of(config) if isinstance(config, dict) else None


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None
