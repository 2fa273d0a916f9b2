"""What an executor keeps between jobs: the base model, its resident adapters and the embedder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Recipe
from lab.models.base import BaseModel, load_base
from lab.models.embedder import Embedder
from lab.models.resident import Resident, Stack
from lab.tasks.adapters import as_trained
from lab.tasks.base_identity import fingerprint
from lab.tasks.context import JobContext


@dataclass
class _Held:
    key: tuple[str, ...]  # name, device, number format and fingerprint
    base: BaseModel
    resident: Resident
    loaded: set[str] = field(default_factory=set)  # digests of the adapters in `resident`


@dataclass
class _Warm:
    held: _Held | None = None
    embedder: Embedder | None = None


_WARM = _Warm()


def _hold(context: JobContext) -> _Held:
    assignment = context.assignment
    dtype = context.spec["dtype"] if context.spec["dtype"] != "auto" else assignment.dtype
    weights = fingerprint(context.spec["base"])
    _check_weights(context.spec["base"], context.spec.get("weights", weights), weights)
    key = (context.spec["base"], assignment.device, dtype, weights)
    if _WARM.held is None or _WARM.held.key != key:
        _WARM.held = None  # free the old model before the new one takes its place
        with context.noting(f"loading {key[0]}"):
            base = load_base(key[0], key[1], key[2], Path(assignment.cache), context.log)
        _WARM.held = _Held(key, base, Resident(base))
        context.log(f"{key[0]} on {base.device}, {str(base.dtype).removeprefix('torch.')}")
    return _WARM.held


def base_model(context: JobContext) -> BaseModel:
    """The job's base model, loaded once for all jobs that name it."""
    return _hold(context).base


def resident(context: JobContext, recipes: list[Recipe]) -> Resident:
    """The server of the job's base model, holding every adapter that `recipes` name."""
    held = _hold(context)
    new: dict[str, AdapterRef] = {}
    for recipe in recipes:
        _check_weights(recipe.base, recipe.weights, held.key[3])
        for reference in (*recipe.adapters, *(recipe.gated.experts if recipe.gated else ())):
            if reference.digest not in held.loaded:
                new[reference.digest] = reference
    folders = context.fetch([reference.folder for reference in new.values()])
    for folder, reference in zip(folders, new.values(), strict=True):
        held.resident.add(as_trained(folder, reference))
        held.loaded.add(reference.digest)
    return held.resident


def base_weights() -> tuple[str, str]:
    """Name and fingerprint of the base model that is in memory; the fingerprint of a hub's is ""."""
    assert _WARM.held is not None, "nothing was asked of a base model yet"
    return _WARM.held.key[0], _WARM.held.key[3]


def _check_weights(base: str, wanted: str, found: str) -> None:
    if wanted != found:
        raise LabError(f"the base model in {base} is not the one of this study any more; run the study again for it.")


def stack(adapters: Sequence[AdapterRef]) -> Stack:
    """Adapters as a row of `lab.models.serve` names them: by digest, which is their resident id."""
    return tuple((reference.digest, reference.weight) for reference in adapters)


def embedder(context: JobContext) -> Embedder:
    """The sentence embedder for similarity."""
    if _WARM.embedder is None:
        with context.noting("loading the sentence embedder"):
            _WARM.embedder = Embedder(cache=Path(context.assignment.cache), device=context.assignment.device)
    return _WARM.embedder
