"""The size of a base model from its configuration, against the model itself."""

from __future__ import annotations

import pytest
from tiny_model import random_model

from lab.methods.base_shape import shape_of
from lab.models.lora import Adapter, LoraConfig, attach, named_targets
from lab.models.virtual import VirtualConfig, initial_tokens


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_it_counts_what_the_model_and_its_adapters_hold(family):
    model = random_model(330, family)
    shape = shape_of(model.config.to_dict())
    assert shape is not None
    assert shape.parameters == pytest.approx(sum(p.numel() for p in model.parameters()), rel=0.02)  # norms, biases
    for targets in (("q_proj", "v_proj"), ("all-linear",)):
        config = LoraConfig(rank=3, targets=named_targets(model, targets))
        adapter = Adapter(config)
        for site, layer in attach(model, config.targets).items():
            adapter.a[site] = layer.weight.new_zeros(3, layer.in_features)
            adapter.b[site] = layer.weight.new_zeros(layer.out_features, 3)
        assert shape.lora(3, targets) == adapter.parameters()
    for kind, number in (("soft-prompt", shape.soft_prompt(5)), ("prefix", shape.prefix(5))):
        assert initial_tokens(model, VirtualConfig(kind, 5), 0).parameters() == number


def test_what_is_said_in_other_words_is_not_known():
    assert shape_of({"n_embd": 768, "n_layer": 12}) is None
    shape = shape_of(random_model(330).config.to_dict())
    assert shape is not None
    assert shape.lora(8, ["c_attn"]) is None
