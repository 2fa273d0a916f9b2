"""What was learned, on disk as stock `peft` writes and reads it: adapter_config.json + adapter_model.safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lab.errors import LabError
from lab.models.lora import Adapter, LoraConfig
from lab.models.training import Servable
from lab.models.virtual import VirtualConfig, VirtualKind, VirtualTokens

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."  # peft wraps the model twice before its own paths begin
_VECTORS = "prompt_embeddings"
_TYPES: dict[VirtualKind, str] = {"soft-prompt": "PROMPT_TUNING", "prefix": "PREFIX_TUNING"}
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


def save_peft(learned: Servable, folder: Path, base_name: str) -> None:
    """Write it into `folder` (made if needed) for the base model called `base_name`."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, config = _of_lora(learned) if isinstance(learned, Adapter) else _of_virtual(learned)
    config |= {"task_type": "CAUSAL_LM", "base_model_name_or_path": base_name, "inference_mode": True}
    on_cpu = {name: x.detach().to("cpu", torch.float32).contiguous() for name, x in weights.items()}
    partial = folder / f"{WEIGHTS}.partial"
    save_file(on_cpu, partial, metadata={"format": "pt"})
    partial.replace(folder / WEIGHTS)
    partial = folder / f"{CONFIG}.partial"
    partial.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / CONFIG)


def load_peft(folder: Path) -> Servable:
    """Read a plain LoRA, soft prompt or prefix that this lab or stock `peft` wrote into `folder`."""
    config = _read_config(folder)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise LabError(f"{folder / WEIGHTS}: not a readable safetensors file ({error}).") from None
    kind = next((kind for kind, name in _TYPES.items() if name == config.get("peft_type")), None)
    return _lora(folder, config, weights) if kind is None else _virtual(folder, kind, config, weights)


def _of_lora(adapter: Adapter) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    weights = {}
    for site in sorted(adapter.a):
        weights[f"{_PREFIX}{site}.lora_A.weight"] = adapter.a[site]
        weights[f"{_PREFIX}{site}.lora_B.weight"] = adapter.b[site]
    return weights, _PLAIN | {
        "r": adapter.config.rank,
        "lora_alpha": adapter.config.alpha,
        "lora_dropout": adapter.config.dropout,
        "target_modules": list(adapter.config.targets),
    }


def _of_virtual(tokens: VirtualTokens) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    config = tokens.config
    return {_VECTORS: tokens.vectors}, {"peft_type": _TYPES[config.kind], "num_virtual_tokens": config.tokens}


def _virtual(folder: Path, kind: VirtualKind, config: dict[str, Any], weights: dict[str, torch.Tensor]) -> Servable:
    number = config.get("num_virtual_tokens")
    if config.get("prefix_projection"):
        raise LabError(f"{folder / CONFIG}: prefix_projection is not supported; only plain prefixes are.")
    if weights.keys() != {_VECTORS} or weights[_VECTORS].ndim != 2 or len(weights[_VECTORS]) != number:
        raise LabError(f"{folder / WEIGHTS}: a {kind} is one matrix {_VECTORS} with num_virtual_tokens rows.")
    return VirtualTokens(VirtualConfig(kind, int(number)), weights[_VECTORS].float())


def _lora(folder: Path, config: dict[str, Any], weights: dict[str, torch.Tensor]) -> Adapter:
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
    if isinstance(config, dict) and config.get("peft_type") in _TYPES.values():
        return config
    numbers = ("r", "lora_alpha", "lora_dropout")
    if not isinstance(config, dict) or not all(isinstance(config.get(key), int | float) for key in numbers):
        raise LabError(f"{path}: r, lora_alpha or lora_dropout is missing; is this a LoRA adapter's folder?")
    for key, plain in _PLAIN.items():
        if (config.get(key) or plain) != plain:
            raise LabError(f"{path}: {key} = {config[key]!r} is not supported; only plain LoRA ({plain!r}) is.")
    return config
