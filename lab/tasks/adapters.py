"""LoRA adapters that recipes name, read from their folders."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import LabError
from lab.methods.recipe import AdapterRef
from lab.models.lora import Adapter, concatenate
from lab.models.peft_format import load_peft
from lab.tasks.context import JobContext


def read_lora(context: JobContext, reference: AdapterRef) -> Adapter:
    """The adapter that a recipe names.

    Raises:
        LabError: it is a soft prompt or a prefix, which can be neither merged nor trained upon.
    """
    adapter = load_peft(context.fetched(reference.folder))
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
