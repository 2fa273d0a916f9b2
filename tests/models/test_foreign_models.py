"""Models and adapters from elsewhere are data: whatever could run code as it is read is refused in a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
from pathlib import Path

import pytest
from tiny_model import save_base, tokenizer_of, train_tokenizer

from lab.errors import LabError
from lab.models.base import load_base
from lab.models.chat_template import render
from lab.models.peft_format import load_peft


class Bomb:
    """A pickle that makes a file when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def base(tmp_path: Path, canary: Path) -> Path:
    """A sound base model, but for a pickle and a script that nobody reads."""
    folder = tmp_path / "base"
    save_base(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    (folder / "own.py").write_text(f"open({str(canary)!r}, 'w')\n")
    return folder


def change(file: Path, **keys: object) -> None:
    """Have these keys in a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def refused(folder: Path) -> str:
    with pytest.raises(LabError) as caught:
        load_base(str(folder), "cpu", "float32")
    return str(caught.value)


def test_what_lies_beside_the_weights_is_not_read(base, canary):
    assert load_base(str(base), "cpu", "float32").model
    assert not canary.exists()


def test_pickled_weights_are_refused(base, canary):
    (base / "model.safetensors").unlink()
    assert "are in pytorch_model.bin, and to read such a file can run code; save them as safetensors" in refused(base)
    assert not canary.exists()


@pytest.mark.parametrize(
    "shard", ["pytorch_model.bin", "../base/pytorch_model.bin", "/etc/passwd", "sub/x.safetensors", 3]
)
def test_an_index_names_safetensors_beside_it_only(base, canary, shard):
    (base / "model.safetensors").unlink()
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"lm_head.weight": shard}}))
    assert "only safetensors files beside it are read" in refused(base)
    assert not canary.exists()


def test_weights_of_another_name_are_refused(base, canary):
    change(base / "config.json", transformers_weights="adapter_model.bin")
    (base / "pytorch_model.bin").rename(base / "adapter_model.bin")
    assert "names its own file of weights" in refused(base)
    assert not canary.exists()


def test_an_adapter_in_the_folder_of_a_base_model_is_refused(base, canary):
    """The model library would read its weights, pickled ones too, and the base model that it names."""
    (base / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "elsewhere"}))
    (base / "pytorch_model.bin").rename(base / "adapter_model.bin")
    assert "holds an adapter, which would be read instead" in refused(base)
    assert not canary.exists()


def test_code_of_a_models_own_is_never_run(base, canary):
    own = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    change(base / "config.json", auto_map=own)
    assert load_base(str(base), "cpu", "float32").model  # the model library knows this kind of model itself
    change(base / "config.json", model_type="own", architectures=["Own"])
    assert "comes with code of its own, which this lab never runs" in refused(base)
    assert not canary.exists()


def test_code_of_a_tokenizers_own_is_never_run(base, canary):
    change(base / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Tokenizer", "own.Tokenizer"]})
    with contextlib.suppress(LabError):  # whether it knows the tokenizer itself is the model library's affair
        load_base(str(base), "cpu", "float32")
    assert not canary.exists()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_a_kernel_from_the_model_hub_is_refused(base, key):
    change(base / "config.json", **{key: "somebody/kernel"})
    assert f"wants to run code from somebody/kernel ('{key}' in its config.json)" in refused(base)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b"[" * 5000, b'{"model_type": ["llama"]}', b'{"model_type": "x\\u001b[2J"}']
)
def test_a_configuration_that_is_none_is_one_sentence(base, content):
    (base / "config.json").write_bytes(content)
    said = refused(base)
    assert said.isprintable()


def test_pickled_adapters_are_not_read(tmp_path, canary):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4, "lora_dropout": 0}))
    (tmp_path / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    with pytest.raises(LabError, match=r"adapter_model\.safetensors: not a readable safetensors file"):
        load_peft(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(pickle.dumps(Bomb(canary)))
    with pytest.raises(LabError, match=r"adapter_model\.safetensors: not a readable safetensors file"):
        load_peft(tmp_path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "template",
    [
        "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}",
        "{{ lipsum.__globals__['os'].popen('touch CANARY').read() }}",
        "{% for c in ().__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
        "{{ messages.append({}) }}",
        "{% include '/etc/passwd' %}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{",
    ],
)
def test_a_chat_template_stays_in_its_sandbox(template, canary):
    tokenizer = tokenizer_of(train_tokenizer(), template.replace("CANARY", str(canary)))
    with pytest.raises(LabError, match=r"The chat template of .* refuses this dialogue") as caught:
        render(tokenizer, [{"role": "user", "content": "hello"}])
    assert str(caught.value).isprintable()
    assert not canary.exists()
