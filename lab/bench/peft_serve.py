"""The alternatives to serving many adapters in one batch, as the documentation of `peft` shows them.

`one_by_one` sets the adapter and calls `generate` for each turn. `mixed` gives `generate` a batch and the name
of each row's adapter; as advised there, rows of one adapter lie together and batches are as large as they can be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import peft
import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from lab.models.decode import Request
from lab.models.lora import Adapter
from lab.models.peft_format import save_peft

Answers = list[list[int]]
_BATCH_TOKENS = {"cpu": 2**13, "cuda": 2**16}  # rows × (prompt + answer)


def load_adapters(model: PreTrainedModel, adapters: Mapping[str, Adapter]) -> peft.PeftModel:
    """`model` with these adapters by name, in `peft`'s own format by way of the disk; no token ends an answer."""
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=None, pad_token_id=0)  # type: ignore[no-untyped-call]
    wrapped: peft.PeftModel | None = None
    with tempfile.TemporaryDirectory() as scratch:
        for name, adapter in adapters.items():
            save_peft(adapter, Path(scratch, name), "base")
            if wrapped is None:
                wrapped = peft.PeftModel.from_pretrained(model, Path(scratch, name), adapter_name=name)
            else:
                wrapped.load_adapter(Path(scratch, name), adapter_name=name)
    assert wrapped is not None
    return wrapped.eval()


@torch.inference_mode()
def one_by_one(model: peft.PeftModel, names: Sequence[str], requests: Sequence[Request], new_tokens: int) -> Answers:
    """Answer request i through the adapter names[i], one after another."""
    answers = []
    for name, request in zip(names, requests, strict=True):
        model.set_adapter(name)
        answers += _generate(model, [request], new_tokens)
    return answers


@torch.inference_mode()
def mixed(model: peft.PeftModel, names: Sequence[str], requests: Sequence[Request], new_tokens: int) -> Answers:
    """Answer request i through the adapter names[i], in batches of many adapters."""
    answers: Answers = []
    longest = max(len(request.ids) for request in requests) + new_tokens
    rows = max(1, _BATCH_TOKENS.get(model.device.type, 2**13) // longest)
    for start in range(0, len(requests), rows):
        part = slice(start, start + rows)
        answers += _generate(model, requests[part], new_tokens, adapter_names=list(names[part]))
    return answers


def _generate(
    model: peft.PeftModel, requests: Sequence[Request], new_tokens: int, **options: list[str]
) -> list[list[int]]:
    """Greedy answers to left-padded prompts."""
    width = max(len(request.ids) for request in requests)
    ids = torch.tensor([[0] * (width - len(r.ids)) + list(r.ids) for r in requests], device=model.device)
    mask = torch.tensor([[0] * (width - len(r.ids)) + [1] * len(r.ids) for r in requests], device=model.device)
    out: Tensor = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, **options)  # type: ignore[no-untyped-call]
    return out[:, width:].tolist()
