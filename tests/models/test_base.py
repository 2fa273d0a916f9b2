"""Loading a base model: from a folder as from a hub, and one clear sentence when there is none."""

import json
import time
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, MambaConfig, MambaForCausalLM, PreTrainedModel

from lab.errors import LabError
from lab.models import hub
from lab.models.base import load_base
from lab.models.device import pick_device, pick_dtype


@pytest.fixture
def folder(make_model, tokenizer, tmp_path: Path) -> Path:
    """A model folder as `save_pretrained` writes it."""
    model: PreTrainedModel = make_model("llama")
    model.generation_config.eos_token_id = [3, 4]
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_folder_gives_a_frozen_model_with_its_tokenizer(folder, make_model, tokenizer):
    base = load_base(str(folder), device="cpu", dtype="float32")
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(base.model(ids).logits, make_model("llama")(ids).logits)
    assert base.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert not base.model.training
    assert not any(weight.requires_grad for weight in base.model.parameters())
    assert (base.name, base.dtype, base.device.type) == (str(folder), torch.float32, "cpu")
    assert base.context_length == 512


def test_an_answer_ends_at_every_token_the_model_or_its_template_names(folder, tokenizer):
    ends = {3, 4, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")}
    assert load_base(str(folder), "cpu").eos_ids == ends


def test_an_end_of_turn_that_is_no_token_becomes_a_stop_string(make_model, make_tokenizer, tmp_path):
    template = "{% for m in messages %}{{ '[' + m.role + ']' + m.content + '[/]\n' }}{% endfor %}"
    make_model("llama").save_pretrained(tmp_path)
    make_tokenizer(template).save_pretrained(tmp_path)
    assert load_base(str(tmp_path), "cpu").stop_strings == ("[/]",)


def test_the_digest_names_weights_tokenizer_and_template(folder):
    digest = load_base(str(folder), "cpu").digest
    assert load_base(str(folder), "cpu", dtype="bf16").digest == digest
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"transformers_version": "9.9"}))
    assert load_base(str(folder), "cpu").digest == digest
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    changed = load_base(str(folder), "cpu").digest
    assert changed != digest
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rms_norm_eps": 1e-4}))
    assert load_base(str(folder), "cpu").digest not in (digest, changed)


def test_loading_prints_nothing(folder, capfd):
    load_base(str(folder), "cpu")
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """A hub that cannot be reached, and an empty cache."""
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_an_unreachable_hub_is_told_in_seconds(no_hub):
    start = time.monotonic()
    with pytest.raises(LabError, match="Qwen/Qwen2 is not in the local cache and the model hub cannot be"):
        load_base("Qwen/Qwen2", "cpu")
    assert time.monotonic() - start < 6


def test_a_model_in_the_hubs_cache_needs_no_hub(no_hub, folder, tmp_path):
    repository = tmp_path / "hub" / "models--lab--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    (repository / "snapshots").mkdir()
    snapshot = folder.rename(repository / "snapshots" / ("a" * 40))
    assert load_base("lab/tiny", "cpu").name == "lab/tiny"
    (snapshot / "model.safetensors").unlink()  # a download that was cut off is no model
    with pytest.raises(LabError, match="cannot be reached"):
        load_base("lab/tiny", "cpu")


def test_what_is_no_model_is_one_clear_sentence(no_hub, folder, tmp_path, tokenizer):
    encoder = tmp_path / "encoder"
    BertModel(BertConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1)).save_pretrained(encoder)
    tokenizer.save_pretrained(encoder)
    states = tmp_path / "states"
    MambaForCausalLM(MambaConfig(vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1)).save_pretrained(states)
    tokenizer.save_pretrained(states)
    empty = tmp_path / "empty"
    empty.mkdir()
    for name, sentence in {
        str(empty): "holds no model: it has no config.json",
        "./nowhere": "There is no model folder ./nowhere",
        "a name with spaces": "is neither a folder nor a model name",
        str(encoder): r"is not a causal language model \(it is BertModel\)",
        str(states): r"\(mamba\) has no attention, .*; choose a decoder with attention",
    }.items():
        with pytest.raises(LabError, match=sentence) as error:
            load_base(name, "cpu")
        assert "\n" not in str(error.value)


def test_damaged_files_are_one_clear_sentence(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(LabError, match=r"The weights of .* cannot be read"):
        load_base(str(folder), "cpu")
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"a pickle is never read")
    with pytest.raises(
        LabError, match=r"The weights of .* are in pytorch_model.bin, and to read such a file can run code"
    ):
        load_base(str(folder), "cpu")
    (folder / "config.json").write_text("{")
    with pytest.raises(LabError, match=r"The configuration of .* cannot be read"):
        load_base(str(folder), "cpu")


def test_a_model_that_brings_code_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "their-own", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(LabError, match=r"comes with code of its own, which this lab never runs"):
        load_base(str(folder), "cpu")


def test_devices_and_number_formats():
    cpu = torch.device("cpu")
    assert pick_device("auto").type in ("cuda", "mps", "cpu")
    assert pick_device("cpu") == cpu
    assert pick_dtype("bf16", cpu) == torch.bfloat16
    assert pick_dtype("float32", cpu) == torch.float32
    assert pick_dtype("auto", cpu) in (torch.bfloat16, torch.float32)
    for device in ("cuda:99", "warp drive", "meta"):
        with pytest.raises(LabError, match=device):
            pick_device(device)
    with pytest.raises(LabError, match="int3"):
        pick_dtype("int3", cpu)
