"""LoRA adapters that recipes name, read from their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.methods.recipe import AdapterRef
from lab.models.lora import Adapter, concatenate
from lab.models.peft_format import load_peft
from lab.models.training import Servable
from lab.tasks.context import JobContext


def as_trained(folder: Path, reference: AdapterRef) -> Servable:
    """What lies in `folder`, if it is what the recipe names.

    Raises:
        LabError: it was damaged.
    """
    learned = load_peft(folder)
    if learned.digest() != reference.digest:
        raise LabError(f"{folder}: these are not the weights that were trained; run the study again, and they are.")
    return learned


def read_lora(context: JobContext, reference: AdapterRef) -> Adapter:
    """The adapter that a recipe names.

    Raises:
        LabError: it is a soft prompt or a prefix, which can be neither merged nor trained upon, or it was damaged.
    """
    adapter = as_trained(context.fetched(reference.folder), reference)
    if not isinstance(adapter, Adapter):
        raise LabError(f"{reference.name} is a {adapter.config.kind}; only LoRAs can be merged or trained upon.")
    return adapter


def as_one(context: JobContext, stack: Sequence[AdapterRef]) -> Adapter | None:
    """A recipe's adapters as one that does the same; None for the plain base."""
    adapters = [read_lora(context, reference) for reference in stack]
    weights = [reference.weight for reference in stack]
    if not adapters:
        return None
    return adapters[0] if weights == [1.0] else concatenate(adapters, weights)
