"""The decoder of a causal language model over the sequences of a wave, without padding where it can.

All sequences lie end to end in one row and only attention sees them apart: there they are laid side by side.
Everything else in a decoder works token by token. Whether a model really keeps to that is tried out before it
is relied upon; one that does not gets its sequences in rows of their own, right-padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, DynamicCache, PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Example, Wave, lay_out
from lab.models.loss import Head
from lab.models.ragged import Runs

ATTENTION = "lab_packed"
_EXPLICIT = 1024  # positions up to which all attention weights of a sequence may be held at once


@dataclass(frozen=True, eq=False)
class Lead:
    """What a wave's n sequences begin with that is no text."""

    soft: Tensor | None = None  # [n, v, d] input vectors, for the wave's virtual tokens
    prefix: Tensor | None = None  # [layers, 2, n, heads, v, size] keys and values before all tokens

    @property
    def shift(self) -> int:
        """Places that the prefix takes up before the first token."""
        return 0 if self.prefix is None else self.prefix.shape[4]


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    *,
    sequences: Runs | None = None,
    prefix: Tensor | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each sequence and to its prefix; query [1, heads, T, size] → [1, T, heads, size]."""
    if sequences is None or any(others.get(name) is not None for name in ("softcap", "s_aux", "position_bias")):
        raise NotImplementedError("this model's attention cannot run packed")
    q, k, v = (sequences.pad(x[0].transpose(0, 1)).transpose(1, 2) for x in (query, key, value))
    if prefix is not None:
        k, v = (torch.cat(pair, dim=2) for pair in zip(prefix[int(module.layer_idx)], (k, v), strict=True))  # type: ignore[arg-type]
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    out = causal_attention(q, k, v, scale, sliding_window)
    return sequences.unpad(out.transpose(1, 2))[None], None


AttentionInterface.register(ATTENTION, packed_attention)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, scale: float, window: int | None) -> Tensor:
    """softmax(scale · q kᵀ) v over each position and those before it, of which the nearest `window`.

    q [n, heads, t, size]; k and v [n, ·, before + t, size] may have fewer heads, each of which serves a run of
    query heads, and positions before the first query.
    """
    t, all_, gqa = q.shape[2], k.shape[2], q.shape[1] != k.shape[1]
    before = all_ - t
    if window is None or window >= all_:
        if q.device.type == "cpu" and q.dtype == torch.bfloat16 and all_ <= _EXPLICIT:
            return _explicit_attention(q, k, v, scale)
        if not before:
            return scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=gqa)
        window = all_
    near = torch.ones(t, all_, dtype=torch.bool, device=q.device).tril(before).triu(before + 1 - window)
    return scaled_dot_product_attention(q, k, v, near, scale=scale, enable_gqa=gqa)


def _explicit_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """The same, step by step: on a CPU in bf16 it takes half the time of torch's fused kernel and its gradient.

    −∞ is added to what lies ahead, which takes a quarter of the time of filling it in, there and in the gradient.
    """
    (n, heads, t, size), (few, all_) = q.shape, k.shape[1:3]
    later = torch.full((t, all_), -torch.inf, dtype=q.dtype).triu(1 + all_ - t)
    scores = (q * scale).reshape(n, few, -1, size) @ k.mT  # [n, few, heads/few · t, all]
    weights = scores.view(n, heads, t, all_).add_(later).softmax(-1)
    return (weights.view(n, few, -1, all_) @ v).view(n, heads, t, size)


class Decoder:
    """A model's decoder: a wave in, the hidden state of every flat index out."""

    def __init__(self, model: PreTrainedModel, *, packed: bool) -> None:
        self.packed = packed
        self._decoder = model.get_decoder()  # type: ignore[no-untyped-call]
        self._embed = model.get_input_embeddings()

    def __call__(self, wave: Wave, lead: Lead | None = None) -> Tensor:
        """Final hidden states [rows · t, d] of sequences that begin with `lead`."""
        lead = lead or Lead()
        arguments: dict[str, Any] = {"use_cache": False}
        if lead.soft is None:
            arguments["input_ids"] = wave.ids
        else:
            arguments["inputs_embeds"] = self._embedded(wave, lead.soft)
        if self.packed:
            arguments |= {"position_ids": wave.positions + lead.shift, "sequences": wave.sequences}
            if lead.prefix is not None:
                arguments["prefix"] = lead.prefix
        elif lead.prefix is not None:
            arguments["past_key_values"] = _cache(lead.prefix)
        hidden: Tensor = self._decoder(**arguments).last_hidden_state
        return hidden.flatten(0, 1)

    def _embedded(self, wave: Wave, soft: Tensor) -> Tensor:
        """Input vectors [rows, t, d], with `soft` [n, v, d] at the virtual tokens."""
        embedded: Tensor = self._embed(wave.ids)
        flat = embedded.flatten(0, 1).index_copy(0, wave.virtual, soft.flatten(0, 1).to(embedded.dtype))
        return flat.view_as(embedded)


def _cache(prefix: Tensor) -> DynamicCache:
    """Keys and values [layers, 2, n, heads, v, size] as if they had been read."""
    cache = DynamicCache()
    for number, (keys, values) in enumerate(prefix):
        cache.update(keys, values, number)
    return cache


@contextmanager
def decoding(model: PreTrainedModel, head: Head) -> Iterator[Decoder]:
    """The best way to run this model's decoder; its own attention is put back on leaving.

    Raises `LabError` when `head` on top of the decoder does not give the model's own logits.
    """
    attention = model.config._attn_implementation
    examples = _probe(model)
    expected = _own_logits(model, examples)
    try:
        model.set_attn_implementation(ATTENTION)
        decoder = Decoder(model, packed=True)
        if not _agrees(decoder, head, examples, expected):
            model.set_attn_implementation(attention)
            decoder = Decoder(model, packed=False)
            if not _agrees(decoder, head, examples, expected):
                raise LabError(f"{type(model).__name__} makes its logits in a way this lab does not know.")
        yield decoder
    finally:
        model.set_attn_implementation(attention)


def _probe(model: PreTrainedModel) -> list[Example]:
    ids = np.random.default_rng(0).integers(model.config.get_text_config().vocab_size, size=12)
    return [Example(part, np.ones(len(part), dtype=bool)) for part in (ids[:7], ids[7:])]


@torch.no_grad()
def _own_logits(model: PreTrainedModel, examples: list[Example]) -> Tensor:
    """What the model itself says before each token but the first, [n, vocabulary]."""
    rows = [torch.from_numpy(example.ids)[None].to(model.device) for example in examples]
    return torch.cat([model(input_ids=row, use_cache=False).logits[0, :-1] for row in rows]).float()


@torch.no_grad()
def _agrees(decoder: Decoder, head: Head, examples: list[Example], expected: Tensor) -> bool:
    wave = lay_out([examples], packed=decoder.packed, device=expected.device)
    try:
        logits = head.logits(decoder(wave)[wave.where])
    except (TypeError, ValueError, KeyError, RuntimeError):
        return False  # it does not take packed input
    # In half precision another order of summation alone moves a real model's logits by 3%; a sequence that
    # sees its neighbour moves them by 17%.
    tolerance = 1e-4 if head.weight.dtype == torch.float32 else 0.08
    sizes = [len(example) - 1 for example in examples]
    parts = zip(torch.split(logits, sizes), torch.split(expected, sizes), strict=True)
    return all(bool((ours - own).norm() <= tolerance * own.norm()) for ours, own in parts)
