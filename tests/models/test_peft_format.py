"""Adapters on disk: stock `peft` and this lab read each other's."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from training_data import ALL_LINEAR
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.lora import Adapter, Factors, LoraConfig, attach, clear, concatenate
from lab.models.peft_format import load_peft, save_peft

MakeModel = Callable[..., PreTrainedModel]
IDS = torch.arange(3, 60, 4).view(3, 5)


def random_adapter(model: PreTrainedModel, seed: int, config: LoraConfig) -> Adapter:
    generator = torch.Generator().manual_seed(seed)
    adapter = Adapter(config)
    for site, layer in attach(model, config.targets).items():
        adapter.a[site] = torch.randn(config.rank, layer.in_features, generator=generator) * 0.2
        adapter.b[site] = torch.randn(layer.out_features, config.rank, generator=generator) * 0.2
    return adapter


@torch.no_grad()
def our_logits(model: PreTrainedModel, *stack: Adapter) -> Tensor:
    sites = attach(model, sorted({target for adapter in stack for target in adapter.config.targets}))
    for site, layer in sites.items():
        layer.factors = tuple(
            Factors(adapter.a[site][None], adapter.b[site][None], adapter.config.scale)
            for adapter in stack
            if site in adapter.a
        )
    logits = model(input_ids=IDS).logits
    clear(sites)
    return logits


@torch.no_grad()
def peft_logits(plain: PreTrainedModel, folder: Path) -> Tensor:
    return peft.PeftModel.from_pretrained(copy.deepcopy(plain), folder)(input_ids=IDS).logits


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ALL_LINEAR], ids=["q+v", "all linear"])
def test_stock_peft_loads_a_saved_adapter_and_gives_the_same_logits(
    tmp_path: Path, make_model: MakeModel, family: str, targets: tuple[str, ...]
) -> None:
    plain = make_model(family)
    model = copy.deepcopy(plain)
    adapter = random_adapter(model, 0, LoraConfig(rank=3, alpha=5.0, targets=targets))
    save_peft(adapter, tmp_path, "tiny")
    ours = our_logits(model, adapter)
    torch.testing.assert_close(ours, peft_logits(plain, tmp_path), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(ours, our_logits(model), atol=1e-2)


def test_an_adapter_of_stock_peft_loads_here_and_gives_the_same_logits(tmp_path: Path, make_model: MakeModel) -> None:
    plain = make_model()
    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, lora_alpha=12, lora_dropout=0.1, target_modules=["k_proj", "o_proj"])
    theirs = peft.get_peft_model(copy.deepcopy(plain), config)
    for name, parameter in theirs.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    theirs.save_pretrained(tmp_path)
    adapter = load_peft(tmp_path)
    assert adapter.config == LoraConfig(4, 12.0, 0.1, ("k_proj", "o_proj"))
    with torch.no_grad():
        torch.testing.assert_close(our_logits(plain, adapter), theirs.eval()(input_ids=IDS).logits)


def test_a_stack_exports_as_one_adapter_on_the_plain_base(tmp_path: Path, make_model: MakeModel) -> None:
    plain = make_model()
    model = copy.deepcopy(plain)
    unified = random_adapter(model, 1, LoraConfig(rank=3, alpha=5.0, targets=("q_proj", "v_proj", "up_proj")))
    persona = random_adapter(model, 2, LoraConfig(rank=2, alpha=1.0))
    save_peft(concatenate([unified, persona]), tmp_path, "tiny")
    stacked = our_logits(model, unified, persona)
    torch.testing.assert_close(stacked, peft_logits(plain, tmp_path), atol=1e-5, rtol=1e-5)


@given(rank=st.integers(1, 5), alpha=st.floats(0.1, 64), sites=st.integers(1, 3), seed=st.integers(0, 99))
def test_what_is_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, rank: int, alpha: float, sites: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    names = [f"model.layers.{place}.self_attn.q_proj" for place in range(sites)]
    adapter = Adapter(
        LoraConfig(rank, alpha, 0.0, ("q_proj",)),
        {name: torch.randn(rank, 3, generator=generator) for name in names},
        {name: torch.randn(2, rank, generator=generator) for name in names},
    )
    folder = tmp_path_factory.mktemp("adapter")
    save_peft(adapter, folder, "tiny")
    loaded = load_peft(folder)
    assert loaded.config == adapter.config
    assert loaded.digest() == adapter.digest()
    assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    site = "model.layers.0.self_attn.q_proj"
    config = LoraConfig(1, 1.0, 0.0, ("q_proj",))
    save_peft(Adapter(config, {site: torch.ones(1, 3)}, {site: torch.ones(2, 1)}), tmp_path, "tiny")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_dora": True}, "use_dora = True is not supported"),
        ({"use_rslora": True}, "use_rslora = True"),
        ({"bias": "all"}, "bias = 'all'"),
        ({"rank_pattern": {"q_proj": 4}}, "rank_pattern"),
        ({"peft_type": "IA3"}, "peft_type = 'IA3'"),
        ({"r": 2}, "one lora_A and one lora_B of rank 2"),
        ({"r": None}, "r, lora_alpha or lora_dropout is missing"),
    ],
)
def test_more_than_plain_lora_is_refused(saved: Path, change: dict[str, object], message: str) -> None:
    path = saved / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LabError, match=message):
        load_peft(saved)


def test_a_broken_folder_is_told_in_a_sentence(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"nowhere.*not a readable adapter configuration"):
        load_peft(tmp_path / "nowhere")
    weights = saved / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file({"base_model.model.x.lora_magnitude_vector": torch.ones(1)}, weights)
    with pytest.raises(LabError, match="only plain LoRA"):
        load_peft(saved)
    save_file({key: value for key, value in tensors.items() if "lora_A" in key}, weights)
    with pytest.raises(LabError, match="one lora_A and one lora_B"):
        load_peft(saved)
    weights.write_bytes(b"no weights")
    with pytest.raises(LabError, match="not a readable safetensors file"):
        load_peft(saved)
