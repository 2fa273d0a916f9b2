"""Tiny real models and a small real tokenizer: every models test runs on these in milliseconds."""

from collections.abc import Callable

import pytest
import torch
from serving import strong_adapter
from tiny_model import CHATML, random_model, tokenizer_of, train_tokenizer
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerFast as FastTokenizer

from lab.models.base import BaseModel
from lab.models.resident import Resident
from lab.models.training import Learned
from lab.models.virtual import VirtualConfig, initial_tokens


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[[str | None], FastTokenizer]:
    """A function from a chat template to a byte-level BPE tokenizer with that template."""
    text = train_tokenizer()
    return lambda chat_template=CHATML: tokenizer_of(text, chat_template)


@pytest.fixture(scope="session")
def tokenizer(make_tokenizer: Callable[[str | None], FastTokenizer]) -> FastTokenizer:
    """The small tokenizer with SmolLM2's template."""
    return make_tokenizer(CHATML)


@pytest.fixture(scope="session")
def make_model(tokenizer: FastTokenizer) -> Callable[..., PreTrainedModel]:
    """A function (family "llama" or "qwen2", seed) → a random float32 model for the small tokenizer."""

    return lambda family="llama", seed=0: random_model(len(tokenizer), family, seed)


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


@pytest.fixture
def resident(base: BaseModel) -> Resident:
    return Resident(base)


@pytest.fixture
def names(resident: Resident) -> list[str]:
    """Ids of resident adapters: five LoRA ones of several ranks and targets, two soft prompts, two prefixes."""
    base = resident.base
    made: list[Learned] = [strong_adapter(base, seed, rank) for seed, rank in enumerate((2, 4, 4, 8))]
    made.append(strong_adapter(base, 9, 3, ("down_proj", "v_proj")))
    made += [initial_tokens(base.model, VirtualConfig("soft-prompt", size), seed=size) for size in (1, 3)]
    made += [initial_tokens(base.model, VirtualConfig("prefix", size), seed=size) for size in (2, 4)]
    return [resident.add(each) for each in made]
