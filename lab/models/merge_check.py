"""Whether adapters can be of one base model."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import LabError
from lab.models.lora import Adapter


def check_one_model(adapters: Sequence[Adapter]) -> None:
    """LabError unless these are adapters, at least one, that one model can have: finite, sites and shapes alike."""
    if not adapters:
        raise LabError("There is nothing to merge: give at least one adapter.")
    shapes: dict[str, tuple[int, int]] = {}
    for number, adapter in enumerate(adapters, 1):
        for site, a in adapter.a.items():
            b = adapter.b[site]
            shape = len(b), a.shape[1]
            if shapes.setdefault(site, shape) != shape:
                raise LabError(
                    f"Adapter {number} is not of the same base model as those before it: "
                    f"{site} is {shape} there and {shapes[site]} in them."
                )
            if not (a.isfinite().all() and b.isfinite().all()):
                raise LabError(f"Adapter {number} is broken: its factors at {site} are not all finite numbers.")
    _check_linked(adapters)


def _check_linked(adapters: Sequence[Adapter]) -> None:
    """Nobody may differ from all the others in every site: that is another model's, or nothing at all."""
    reached: set[str] = set(adapters[0].a)
    rest = list(adapters[1:])
    while near := [adapter for adapter in rest if reached & adapter.a.keys()]:
        rest = [adapter for adapter in rest if not reached & adapter.a.keys()]
        reached.update(*(adapter.a for adapter in near))
    if rest:
        raise LabError(
            f"These adapters are not of one base model: {min(rest[0].a, default='an adapter without sites')} "
            f"has no site in common with {min(reached, default='an adapter without sites')}."
        )
