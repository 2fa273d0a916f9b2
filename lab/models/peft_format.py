"""Adapters on disk as stock `peft` writes and reads them: adapter_config.json + adapter_model.safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lab.errors import LabError
from lab.models.lora import Adapter, LoraConfig

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."  # peft wraps the model twice before its own paths begin
_PLAIN: dict[str, Any] = {  # what a plain LoRA has in these fields, and all this lab computes
    "peft_type": "LORA",
    "bias": "none",
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "use_dora": False,
    "use_rslora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
}


def save_peft(adapter: Adapter, folder: Path, base_name: str) -> None:
    """Write `adapter` into `folder` (made if needed) for the base model called `base_name`."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for site in sorted(adapter.a):
        weights[f"{_PREFIX}{site}.lora_A.weight"] = adapter.a[site].detach().to("cpu", torch.float32).contiguous()
        weights[f"{_PREFIX}{site}.lora_B.weight"] = adapter.b[site].detach().to("cpu", torch.float32).contiguous()
    config = _PLAIN | {
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "inference_mode": True,
        "r": adapter.config.rank,
        "lora_alpha": adapter.config.alpha,
        "lora_dropout": adapter.config.dropout,
        "target_modules": list(adapter.config.targets),
    }
    partial = folder / f"{WEIGHTS}.partial"
    save_file(weights, partial, metadata={"format": "pt"})
    partial.replace(folder / WEIGHTS)
    partial = folder / f"{CONFIG}.partial"
    partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / CONFIG)


def load_peft(folder: Path) -> Adapter:
    """Read a plain LoRA adapter that this lab or stock `peft` wrote into `folder`."""
    config = _read_config(folder)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise LabError(f"{folder / WEIGHTS}: not a readable safetensors file ({error}).") from None
    a: dict[str, torch.Tensor] = {}
    b: dict[str, torch.Tensor] = {}
    for key, value in weights.items():
        site, _, part = key.removeprefix(_PREFIX).rpartition(".lora_")
        if part not in ("A.weight", "B.weight"):
            raise LabError(f"{folder / WEIGHTS}: {key} is no LoRA factor of a linear layer; only plain LoRA is read.")
        (a if part.startswith("A") else b)[site] = value.float()
    rank = config["r"]
    if not a or a.keys() != b.keys() or any(a[s].shape[0] != rank or b[s].shape[1] != rank for s in a):
        raise LabError(f"{folder / WEIGHTS}: every adapted layer needs one lora_A and one lora_B of rank {rank}.")
    targets = tuple(sorted({site.rpartition(".")[2] for site in a}))
    lora = LoraConfig(int(rank), float(config["lora_alpha"]), float(config["lora_dropout"]), targets)
    return Adapter(lora, a, b)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: not a readable adapter configuration ({error}).") from None
    numbers = ("r", "lora_alpha", "lora_dropout")
    if not isinstance(config, dict) or not all(isinstance(config.get(key), int | float) for key in numbers):
        raise LabError(f"{path}: r, lora_alpha or lora_dropout is missing; is this a LoRA adapter's folder?")
    for key, plain in _PLAIN.items():
        if (config.get(key) or plain) != plain:
            raise LabError(f"{path}: {key} = {config[key]!r} is not supported; only plain LoRA ({plain!r}) is.")
    return config
