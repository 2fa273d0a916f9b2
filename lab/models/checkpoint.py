"""A run's state on disk: safetensors files with their JSON in the header, each put there in one atomic step.

`state-<n>.safetensors` is the run as of one moment, after n waves or rounds; the one before it stays, in case the
newest is damaged. `finished/<place>.safetensors` are results, written once each. Each file carries the sha256 of
all that it says. Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lab.errors import LabError
from lab.models.atomic import newest_first, numbered, put
from lab.models.training import GroupResult, Learned

FORMAT = 3
_STATE, _SUFFIX = "state", ".safetensors"


class StaleCheckpointError(LabError):
    """Nothing can go on from this checkpoint."""


def states(folder: Path) -> list[Path]:
    """The states in a checkpoint's folder, newest first."""
    return newest_first(folder, _STATE, _SUFFIX)


class Checkpoint:
    """The checkpoint in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._saved: list[Path] = []  # the two states that were saved last

    def save(self, number: int, digest: str, state: dict[str, Any], tensors: dict[str, Tensor]) -> Path:
        """Add a state, and drop all but the one before; `digest` names the run that may go on from it."""
        path = numbered(self.folder, _STATE, number, _SUFFIX)
        _write(path, tensors, {"format": FORMAT, "digest": digest, "state": state})
        self._saved = [path, *(one for one in self._saved if one != path)][:2]
        for other in states(self.folder):
            if other not in self._saved:
                other.unlink()
        return path

    def save_result(self, place: int, result: GroupResult, row: Tensor) -> None:
        """Keep the finished group at `place`, with what it learned as a `row` [P]."""
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "learned"}
        _write(self._result(place), {"row": row}, {"result": fields, "learned": result.learned.digest()})

    def load_result(self, place: int, learned: Callable[[Tensor], Learned]) -> GroupResult:
        """The finished group at `place`, its row read by `learned`.

        Raises:
            StaleCheckpointError: the weights are not those once written.
        """
        header, tensors = _read(self._result(place))
        found = learned(tensors["row"])
        if found.digest() != header["learned"]:
            raise StaleCheckpointError(f"{self._result(place)}: damaged (the digest differs)")
        return GroupResult(learned=found, **header["result"])

    def _result(self, place: int) -> Path:
        return self.folder / "finished" / f"{place}{_SUFFIX}"


def load(path: Path, digest: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A state and its tensors; `StaleCheckpointError` if it is missing, damaged or of another run."""
    header, tensors = _read(path)
    if header.get("format") != FORMAT:
        raise StaleCheckpointError(f"{path}: written by another version of this program")
    if header.get("digest") != digest:
        raise StaleCheckpointError(f"{path}: belongs to other data, settings or base model.")
    return header["state"], tensors


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    on_cpu = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header)
    metadata = {"json": text, "sha256": _sha256(text, on_cpu)}
    put(path, lambda partial: save_file(on_cpu, partial, metadata=metadata))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata["json"]
        if metadata.get("sha256") != _sha256(text, tensors):
            raise StaleCheckpointError(f"{path}: damaged (the digest differs)")
        return json.loads(text), tensors
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise StaleCheckpointError(f"{path}: not a readable checkpoint ({error})") from None


def _sha256(text: str, tensors: dict[str, Tensor]) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        sha.update(f"{name}{tuple(tensors[name].shape)}".encode())
        sha.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()
