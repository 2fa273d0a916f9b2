"""Tiny real models and a small real tokenizer: every models test runs on these in milliseconds."""

from collections.abc import Callable

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM
from transformers import PreTrainedTokenizerFast as FastTokenizer

from lab.models.base import BaseModel

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


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[[str | None], FastTokenizer]:
    """A function from a chat template to a byte-level BPE tokenizer with that template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=SPECIAL, initial_alphabet=alphabet)
    bpe.train_from_iterator(CORPUS, trainer)
    text = bpe.to_str()

    def make(chat_template: str | None = CHATML) -> FastTokenizer:
        tokenizer = FastTokenizer(
            tokenizer_object=Tokenizer.from_str(text),
            pad_token="<pad>",
            bos_token="<bos>",
            eos_token="<eos>",
        )
        tokenizer.chat_template = chat_template
        return tokenizer

    return make


@pytest.fixture(scope="session")
def tokenizer(make_tokenizer: Callable[[str | None], FastTokenizer]) -> FastTokenizer:
    """The small tokenizer with SmolLM2's template."""
    return make_tokenizer(CHATML)


@pytest.fixture(scope="session")
def make_model(tokenizer: FastTokenizer) -> Callable[..., PreTrainedModel]:
    """A function (family "llama" or "qwen2", seed) → a random float32 model for the small tokenizer."""

    def make(family: str = "llama", seed: int = 0) -> PreTrainedModel:
        torch.manual_seed(seed)
        if family == "llama":
            model: PreTrainedModel = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE))
        else:
            model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), tie_word_embeddings=True, **SHAPE))
        return model.eval().requires_grad_(False)

    return make


@pytest.fixture(params=["llama", "qwen2"])
def base(
    request: pytest.FixtureRequest, make_model: Callable[..., PreTrainedModel], tokenizer: FastTokenizer
) -> BaseModel:
    """A fresh random base model of each family."""
    eos = tokenizer.convert_tokens_to_ids("<|im_end|>")
    return BaseModel(
        model=make_model(request.param),
        tokenizer=tokenizer,
        name=f"tiny-{request.param}",
        digest="0" * 64,
        device=torch.device("cpu"),
        dtype=torch.float32,
        eos_ids=frozenset({eos, tokenizer.eos_token_id}),
    )
