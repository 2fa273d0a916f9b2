"""Grouped training against PEFT itself, one group after another: the same adapters, the same losses."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable

import pytest
from training_data import ALL_LINEAR, distance, make_groups, peft_alone, train
from transformers import PreTrainedModel

from lab.models.lora import LoraConfig, attach
from lab.models.trained_lora import initial_adapter
from lab.models.training import TrainConfig, TrainEvent

MakeModel = Callable[..., PreTrainedModel]
CONFIG = TrainConfig(epochs=4)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ALL_LINEAR], ids=["q+v", "all linear"])
def test_eight_groups_together_equal_peft_training_each_alone(
    make_model: MakeModel, family: str, targets: tuple[str, ...]
) -> None:
    plain = make_model(family)
    model = copy.deepcopy(plain)
    lora = LoraConfig(dropout=0.0, targets=targets)
    groups = make_groups(8)
    losses: dict[str, list[float]] = defaultdict(list)
    norms: dict[str, list[float]] = defaultdict(list)

    def note(event: TrainEvent) -> None:
        if event.kind == "step":
            losses[event.group].append(event.train_loss)
            norms[event.group].append(event.grad_norm)

    together = train(model, groups, lora, CONFIG, note)
    start = initial_adapter(attach(model, targets), lora, CONFIG.seed)
    clipped = 0
    for group in groups:
        alone, expected_losses, expected_norms = peft_alone(plain, group, start, CONFIG)
        assert losses[group.name] == pytest.approx(expected_losses, abs=1e-5)
        assert norms[group.name] == pytest.approx(expected_norms, rel=1e-3)
        assert distance(together[group.name].learned, alone) < 1e-5
        assert distance(together[group.name].learned, start) > 1e-3  # it did learn
        clipped += sum(norm > CONFIG.max_grad_norm for norm in expected_norms)
    assert clipped > 0  # a clip over all groups together would have shown
