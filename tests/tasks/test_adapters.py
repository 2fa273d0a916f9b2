"""Adapters that others are made of are the ones that were trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lab.errors import LabError
from lab.methods.recipe import AdapterRef
from lab.models.lora import Adapter, LoraConfig
from lab.models.peft_format import save_peft
from lab.tasks.adapters import as_trained


def test_damaged_weights_are_merged_and_trained_upon_as_little_as_they_are_served(tmp_path: Path) -> None:
    """They were: what was made of them looked sound."""
    ours = Adapter(LoraConfig(2, 4.0, 0.0, ("q_proj",)), {"q_proj": torch.ones(2, 3)}, {"q_proj": torch.ones(3, 2)})
    save_peft(ours, tmp_path, "tiny")
    whole = AdapterRef("persona/anna", "1/1/adapters/0000", ours.digest())
    assert as_trained(tmp_path, whole).digest() == ours.digest()
    file = tmp_path / "adapter_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(LabError, match="these are not the weights that were trained; run the study again"):
        as_trained(tmp_path, whole)
