"""A tiny real model and a small real tokenizer: what is tried on these takes milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers import PreTrainedTokenizerFast as FastTokenizer

SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>", "<bos>", "<eos>", "<|eot|>", "<|header|>"]
CORPUS = [
    "Turn the lights to 50% and make the living room warmer, please.",
    "Setting the AC to 22 degrees. Is there anything else you would like?",
    "You are a helpful assistant. system user assistant tool",
]
CHATML = (  # SmolLM2's, whose default system message comes first
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,  # large, so that no two logits are near a tie
}


def train_tokenizer() -> str:
    """A byte-level BPE tokenizer, as JSON."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=SPECIAL, initial_alphabet=alphabet)
    bpe.train_from_iterator(CORPUS, trainer)
    return bpe.to_str()


def tokenizer_of(text: str, chat_template: str | None = CHATML) -> FastTokenizer:
    """The tokenizer that `text` describes, with this template."""
    tokenizer = FastTokenizer(
        tokenizer_object=Tokenizer.from_str(text),
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def random_model(vocabulary: int, family: str = "llama", seed: int = 0) -> PreTrainedModel:
    """A random float32 model of this family: llama or qwen2."""
    torch.manual_seed(seed)
    if family == "llama":
        model: PreTrainedModel = LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **SHAPE))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(vocab_size=vocabulary, tie_word_embeddings=True, **SHAPE))
    return model.eval().requires_grad_(False)


def save_base(folder: Path) -> None:
    """Write a base model that the lab can load."""
    tokenizer = tokenizer_of(train_tokenizer())
    tokenizer.save_pretrained(folder)
    random_model(len(tokenizer)).save_pretrained(folder)


def save_embedder(folder: Path, tokenizer: FastTokenizer) -> str:
    """Write a random sentence embedding model; gives its folder."""
    from sentence_transformers import SentenceTransformer  # seconds to import

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    SentenceTransformer(str(folder / "bert"), device="cpu").save(str(folder / "model"))  # adds mean pooling
    return str(folder / "model")
