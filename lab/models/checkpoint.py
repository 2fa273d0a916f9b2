"""A run's state on disk: safetensors files with their JSON in the header, each replaced in one atomic step.

`state.safetensors` is the run as of one moment; `finished/<n>.safetensors` are results, written once each.
Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lab.errors import LabError
from lab.models.training import GroupResult, Learned

FORMAT = 2


class StaleCheckpointError(LabError):
    """Nothing can go on from this checkpoint."""


class Checkpoint:
    """The checkpoint in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, digest: str, state: dict[str, Any], tensors: dict[str, Tensor]) -> Path:
        """Replace the state; `digest` names the run that may go on from it."""
        path = self.folder / "state.safetensors"
        _write(path, tensors, {"format": FORMAT, "digest": digest, "state": state})
        return path

    def load(self, digest: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The state and its tensors; `StaleCheckpointError` if it is missing, damaged or of another run."""
        path = self.folder / "state.safetensors"
        header, tensors = _read(path)
        if header.get("format") != FORMAT:
            raise StaleCheckpointError(f"{path}: written by another version of this program")
        if header.get("digest") != digest:
            raise StaleCheckpointError(f"{path}: belongs to other data, settings or base model.")
        return header["state"], tensors

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
        return self.folder / "finished" / f"{place}.safetensors"


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    on_cpu = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    save_file(on_cpu, partial, metadata={"json": json.dumps(header)})
    with partial.open("rb") as file:
        os.fsync(file.fileno())  # the name must not point to data that a power cut can still take
    partial.replace(path)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["json"])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise StaleCheckpointError(f"{path}: not a readable checkpoint ({error})") from None
