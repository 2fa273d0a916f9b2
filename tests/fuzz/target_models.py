"""Folders of models and adapters from elsewhere: configurations, weights, checkpoints, chat templates."""

from __future__ import annotations

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from hostile import CODE, PICKLES, damaged, json_like, mutated, texts
from hypothesis import strategies as st
from safetensors.torch import save
from target import Target, told
from tiny_model import save_base, tokenizer_of, train_tokenizer

from lab.models.base import load_base
from lab.models.chat_template import render
from lab.models.foreign import check_data_only
from lab.models.gate import load_gate
from lab.models.peft_format import CONFIG, WEIGHTS, load_peft
from lab.models.users import load_users

SITE = "base_model.model.model.layers.0.self_attn.q_proj"
LORA = {
    "peft_type": "LORA", "r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "target_modules": ["q_proj"], "bias": "none",
    "base_model_name_or_path": "tiny", "auto_mapping": None, "task_type": "CAUSAL_LM",
}  # fmt: skip
PREFIX = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "prefix_projection": False}
FACTORS = save({f"{SITE}.lora_A.weight": torch.ones(2, 4), f"{SITE}.lora_B.weight": torch.ones(4, 2)})
VECTORS = save({"prompt_embeddings": torch.ones(2, 4)})
GATE = save({"weights": torch.ones(2, 4), "bias": torch.ones(2), "vectors": torch.ones(3, 2)})

_weights = st.one_of(st.sampled_from([FACTORS, VECTORS, GATE]).flatmap(damaged), st.sampled_from(PICKLES))
adapters = st.tuples(json_like(LORA, PREFIX), _weights)


def attack_adapter(home: Path, files: tuple[bytes, bytes]) -> None:
    """An adapter is read or refused, whatever its configuration and its weights are."""
    config, weights = files
    (home / CONFIG).write_bytes(config)
    (home / WEIGHTS).write_bytes(weights)
    (home / "adapter_model.bin").write_bytes(PICKLES[1])
    for read in (lambda: load_peft(home), lambda: load_gate(home / WEIGHTS), lambda: load_users(home / WEIGHTS)):
        told(read)


@lru_cache(maxsize=1)
def _base(home: Path) -> dict[str, bytes]:
    folder = home / "sound"
    save_base(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


_CONFIG_KEYS = {
    "auto_map": {"AutoConfig": "zxcanary.Config", "AutoModelForCausalLM": "zxcanary.Model"},
    "attn_implementation": "zxcanary/kernel", "_attn_implementation": {"": "zxcanary/kernel"}, "model_type": "zxcanary",
    "transformers_weights": "adapter_model.bin", "quantization_config": {"quant_method": "torchao"},
    "architectures": ["LlamaForCausalLM"], "torch_dtype": "float32", "vocab_size": -1, "hidden_size": "x",
}  # fmt: skip
_TOKENIZER_KEYS = {
    "auto_map": {"AutoTokenizer": ["zxcanary.Tokenizer", None]}, "tokenizer_class": "zxcanary",
    "chat_template": CODE[5],
    "tokenizer_file": "/etc/passwd", "added_tokens_decoder": {"1": {"content": 3}}, "model_max_length": "x",
}  # fmt: skip


def _some(keys: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(keys)), st.none(), max_size=2).map(lambda d: {k: keys[k] for k in d})


@st.composite
def bases(draw: Any) -> dict[str, Any]:
    """What is done to a model's folder: keys put into its JSON files, files of other kinds put beside them."""
    return {
        "config": draw(_some(_CONFIG_KEYS)),
        "tokenizer": draw(_some(_TOKENIZER_KEYS)),
        "index": draw(st.one_of(st.none(), mutated({"metadata": {}, "weight_map": {"a": "model.safetensors"}}))),
        "weights": draw(st.sampled_from(["sound", "sound", "none", "cut"])),
        "beside": draw(
            st.lists(st.sampled_from(["pytorch_model.bin", "adapter_config.json", "zxcanary.py"]), max_size=2)
        ),
    }


def attack_base(home: Path, changes: dict[str, Any]) -> None:
    """A base model is loaded or refused; nothing in its folder runs."""
    files, folder = dict(_base(home)), home / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files["config.json"] = _with(files["config.json"], changes["config"])
    files["tokenizer_config.json"] = _with(files["tokenizer_config.json"], changes["tokenizer"])
    if changes["weights"] != "sound":
        files["model.safetensors"] = files["model.safetensors"][:100]
    if changes["weights"] == "none":
        del files["model.safetensors"]
    if changes["index"] is not None:
        files["model.safetensors.index.json"] = json.dumps(changes["index"]).encode()
    for name in changes["beside"]:
        files[name] = f"open({str(home / 'ran')!r}, 'w')".encode() if name.endswith(".py") else PICKLES[2]
    if "adapter_config.json" in files:
        files["adapter_config.json"] = json.dumps(LORA | {"base_model_name_or_path": str(home / "sound")}).encode()
        files["adapter_model.bin"] = PICKLES[2]
    for name, content in files.items():
        (folder / name).write_bytes(content)
    told(lambda: check_data_only(folder, "model"))
    told(lambda: load_base(str(folder), "cpu", "float32"))
    assert not (home / "ran").exists()


def _with(content: bytes, keys: dict[str, Any]) -> bytes:
    return json.dumps(json.loads(content) | keys).encode()


_GADGETS = [
    *CODE, "{{ messages[9].x.y }}", "{% for i in range(10**9) %}{% endfor %}", "{{ 1/0 }}",
    "{{ raise_exception('no') }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ ''.format.__globals__ }}", "{{ messages.__class__ }}", "{{",
    "{% include '/etc/passwd' %}", "{{ self.__init__.__globals__ }}", "{{ 'a' * 10**4 }}", "{% import 'os' as os %}",
    "{{ '%c'|format(7) }}", "{{ strftime_now('%Y') }}", "{{ lipsum.__globals__['os'].system('touch /tmp/zxcanary') }}",
]  # fmt: skip
templates = st.one_of(
    st.lists(st.sampled_from([*_GADGETS, "{{ messages[0]['content'] }}", "{{ eos_token }}", " "]), max_size=3).map(
        "".join
    ),
    texts,
)


@lru_cache(maxsize=1)
def _tokenizer() -> str:
    return train_tokenizer()


def attack_template(home: Path, template: str) -> None:
    """A chat template renders a dialogue or refuses it, within its sandbox."""
    tokenizer = tokenizer_of(_tokenizer(), template)
    told(lambda: render(tokenizer, [{"role": "user", "content": "{{ 1 }}"}, {"role": "assistant", "content": "hi"}]))


TARGETS = [
    Target("adapter folders", adapters, attack_adapter, 6, 80),
    Target("base model folders", bases(), attack_base, 2, 20),
    Target("chat templates", templates, attack_template, 4, 80),
]
