"""What a base model's folder may hold: data only. What could run code as it is read is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from lab.errors import LabError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_PARTS = {"config.json": "configuration", INDEX: "index"}
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5")


def check_data_only(folder: Path, name: str) -> None:
    """Refuse a folder of which anything but JSON, text and safetensors would be read, or that points elsewhere.

    Raises:
        LabError: says what it is and how to mend it.
    """
    for key, value in _settings(_read(folder / "config.json", name)):
        # A path here is that of a compiled kernel on the model hub.
        if "_implementation" in key and isinstance(value, str) and "/" in value:
            raise LabError(f"{name} wants to run code from {value} ('{key}' in its config.json); take that key out.")
        if key == "transformers_weights":
            raise LabError(f"{name} names its own file of weights ('{key}' in its config.json); take that key out.")
    if (folder / "adapter_config.json").exists():
        raise LabError(
            f"The folder of {name} holds an adapter, which would be read instead; give the folder of the base model."
        )
    if (folder / WEIGHTS).is_file():
        return
    if (folder / INDEX).is_file():
        shard_names(folder / INDEX, name)
    elif pickled := sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern)):
        raise LabError(
            f"The weights of {name} are in {pickled[0]}, and to read such a file can run code; save them as "
            "safetensors (transformers' save_pretrained does), or choose a model that has them."
        )


def shard_names(index: Path, name: str) -> set[str]:
    """The files that an index of weights names.

    Raises:
        LabError: it is none, or names something else than safetensors beside it.
    """
    shards = _read(index, name).get("weight_map")
    names = set(shards.values()) if isinstance(shards, dict) and all(_is_text(one) for one in shards.values()) else {""}
    for shard in names:
        if shard != PurePath(shard).name or not shard.endswith(".safetensors"):
            raise LabError(f"The index of {name}'s weights names {shard!r}; only safetensors files beside it are read.")
    return names


def unreadable(what: str, name: str, error: Exception) -> LabError:
    """Why the model library did not read this part of a model: in its words, where it does not ask to run code."""
    if "trust_remote_code" in str(error):
        return LabError(f"{name} comes with code of its own, which this lab never runs; choose another model.")
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return LabError(f"The {what} of {name} cannot be read: {first}")


def _read(file: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(_PARTS[file.name], name, error) from None
    if not isinstance(content, dict):
        raise LabError(f"The {_PARTS[file.name]} of {name} cannot be read: {file.name} is no JSON object.")
    return content


def _settings(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every key with its value, those of inner objects too."""
    waiting = [content]
    while waiting:
        for key, value in waiting.pop().items():
            yield key, value
            waiting += [value] if isinstance(value, dict) else []
            if "_implementation" in key and isinstance(value, dict):
                yield from ((key, inner) for inner in value.values())


def _is_text(value: object) -> bool:
    return isinstance(value, str)
