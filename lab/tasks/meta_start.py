"""The start that a job learned for the adapters of others."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError
from lab.models.lora import Adapter
from lab.models.peft_format import load_peft

START = "start"


def read_start(folder: Path) -> Adapter:
    """The start that a job learned."""
    start = load_peft(folder / START)
    if not isinstance(start, Adapter):
        raise LabError(f"{folder}: this is not a start for LoRAs; run its job again with `lab retry`.")
    return start
