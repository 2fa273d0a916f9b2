"""The decoder of a causal language model over the sequences of a wave, without padding where it can.

All sequences lie end to end in one row and only attention sees them apart: there they are laid side by side.
Everything else in a decoder works token by token. Whether a model really keeps to that is tried out before it
is relied upon; one that does not gets its sequences in rows of their own, right-padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from lab.errors import LabError
from lab.models.batching import Example, Wave, lay_out
from lab.models.loss import Head
from lab.models.ragged import Runs

ATTENTION = "lab_packed"


def packed_attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    *,
    sequences: Runs | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each of `sequences`; query [1, heads, T, size] → [1, T, heads, size]."""
    if sequences is None or any(others.get(name) is not None for name in ("softcap", "s_aux", "position_bias")):
        raise NotImplementedError("this model's attention cannot run packed")
    q, k, v = (sequences.pad(x[0].transpose(0, 1)).transpose(1, 2) for x in (query, key, value))
    near = None
    if sliding_window is not None and sliding_window < sequences.longest:
        causal = torch.ones(sequences.longest, sequences.longest, dtype=torch.bool, device=q.device).tril()
        near = causal.triu(1 - sliding_window)
    gqa = q.shape[1] != k.shape[1]
    out = scaled_dot_product_attention(q, k, v, near, is_causal=near is None, scale=scaling, enable_gqa=gqa)
    return sequences.unpad(out.transpose(1, 2))[None], None


AttentionInterface.register(ATTENTION, packed_attention)


class Decoder:
    """A model's decoder: a wave in, the hidden state of every flat index out."""

    def __init__(self, model: PreTrainedModel, *, packed: bool) -> None:
        self.packed = packed
        self._decoder = model.get_decoder()  # type: ignore[no-untyped-call]

    def __call__(self, wave: Wave) -> Tensor:
        """Final hidden states [rows · t, d]."""
        arguments: dict[str, Any] = {"input_ids": wave.ids, "use_cache": False}
        if self.packed:
            arguments |= {"position_ids": wave.positions, "sequences": wave.sequences}
        hidden: Tensor = self._decoder(**arguments).last_hidden_state
        return hidden.flatten(0, 1)


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
    tolerance = 1e-4 if head.weight.dtype == torch.float32 else 5e-2
    return bool((logits - expected).abs().max() <= tolerance * expected.abs().max())
