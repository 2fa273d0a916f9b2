"""Running a decoder without padding, and finding out which models can."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from training_data import examples
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from lab.errors import LabError
from lab.models.batching import lay_out
from lab.models.loss import Head
from lab.models.packing import _explicit_attention, causal_attention, decoding

SHAPE = {
    "vocab_size": 200,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES: dict[str, tuple[Callable[[], PreTrainedModel], bool]] = {
    "llama": (lambda: LlamaForCausalLM(LlamaConfig(**SHAPE)), True),
    "mistral, window 6": (lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=6)), True),
    "granite, scaled logits": (lambda: GraniteForCausalLM(GraniteConfig(**SHAPE, logits_scaling=8.0)), True),
    "cohere, scaled logits": (lambda: CohereForCausalLM(CohereConfig(**SHAPE)), True),
    "gemma 2, soft caps": (lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=8)), False),
    "bloom, own attention": (
        lambda: BloomForCausalLM(BloomConfig(vocab_size=200, hidden_size=32, n_layer=2, n_head=4)),
        False,
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_its_own_logits_packed_where_it_can(family: str) -> None:
    torch.manual_seed(0)
    build, packs = FAMILIES[family]
    model = build().eval().requires_grad_(False)
    attention = model.config._attn_implementation
    items = [examples(0, 2), examples(1, 3)]
    with decoding(model, Head.of(model)) as decoder, torch.no_grad():
        assert decoder.packed == packs
        wave = lay_out(items, packed=decoder.packed)
        ours = Head.of(model).logits(decoder(wave)[wave.where])
    assert model.config._attn_implementation == attention
    own = []
    with torch.no_grad():
        for example in (example for item in items for example in item):
            logits = model(input_ids=torch.from_numpy(example.ids)[None]).logits[0, :-1]
            own.append(logits[torch.from_numpy(example.supervised[1:])])
    torch.testing.assert_close(ours, torch.cat(own), atol=1e-4, rtol=1e-4)


def test_a_model_that_makes_its_logits_some_other_way_is_refused() -> None:
    class Odd(LlamaForCausalLM):
        def forward(self, *args: object, **kwargs: object) -> object:
            output = super().forward(*args, **kwargs)
            output.logits = output.logits * 2
            return output

    model = Odd(LlamaConfig(**SHAPE))
    with pytest.raises(LabError, match="makes its logits in a way"), decoding(model, Head.of(model)):
        pass
    assert model.config._attn_implementation == "sdpa"


def naive(q: Tensor, k: Tensor, v: Tensor, scale: float, window: int) -> Tensor:
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    place = torch.arange(q.shape[2])
    near = (place[:, None] >= place) & (place[:, None] - place < window)
    return ((scale * q @ k.mT).masked_fill(~near, -torch.inf)).softmax(-1) @ v


@pytest.mark.parametrize("window", [None, 1, 3, 9])
def test_attention_sees_what_is_near_and_before(window: int | None) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 7, 8), torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 8)
    torch.testing.assert_close(causal_attention(q, k, v, 0.3, window), naive(q, k, v, 0.3, window or 7))


def test_explicit_attention_is_the_fused_one_with_its_gradients() -> None:
    torch.manual_seed(0)
    made = [torch.randn(2, 7, heads, 8).transpose(1, 2) for heads in (4, 2, 2)]
    ours, theirs = ([x.clone().requires_grad_() for x in made] for _ in range(2))
    one = _explicit_attention(*ours, 0.3)
    two = causal_attention(*theirs, 0.3, None)
    torch.testing.assert_close(one, two)
    weight = torch.randn_like(one)
    for a, b in zip(
        torch.autograd.grad((one * weight).sum(), ours), torch.autograd.grad((two * weight).sum(), theirs), strict=True
    ):
        torch.testing.assert_close(a, b)
