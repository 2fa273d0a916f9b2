"""A tiny random base model with a small tokenizer: the whole benchmark in seconds, through the same code."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lab.models.base import BaseModel

_SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>"]
_TEXT = ["Turn the lights to 50% and make the living room warmer, please.", "system user assistant"]
_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_base(device: torch.device, dtype: torch.dtype) -> BaseModel:
    """A random two-layer Llama of about 40,000 weights, the same every time."""
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.3,  # large, so that no two logits are near a tie
    )
    model = LlamaForCausalLM(config).to(device, dtype)  # type: ignore[arg-type]
    model.train(False).requires_grad_(False)
    end = int(tokenizer.convert_tokens_to_ids("<|im_end|>"))  # type: ignore[arg-type]
    return BaseModel(model, tokenizer, "tiny", "0" * 64, device, dtype, frozenset({end}))


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        _TEXT,
        trainers.BpeTrainer(vocab_size=320, special_tokens=_SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>", eos_token="<|im_end|>")  # type: ignore[no-untyped-call]
    tokenizer.chat_template = _CHATML
    return tokenizer
