"""Rows to serve, adapters strong enough to tell apart, and a model that says what a test wants."""

import itertools

import torch
from torch.nn import functional

from lab.models.base import BaseModel
from lab.models.lora import Adapter, LoraConfig
from lab.models.resident import Resident
from lab.models.serve import Row

SITES = {"q_proj": "self_attn", "v_proj": "self_attn", "down_proj": "mlp"}


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def strong_adapter(base: BaseModel, seed: int, rank: int, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> Adapter:
    """An adapter with random weights, strong enough to change what is said."""
    random = torch.Generator().manual_seed(seed)
    made = Adapter(LoraConfig(rank=rank, alpha=2.0 * rank, targets=targets))
    for layer, target in itertools.product(range(2), targets):
        site = f"model.layers.{layer}.{SITES[target]}.{target}"
        linear = base.model.get_submodule(site)
        made.a[site] = torch.randn(rank, linear.in_features, generator=random) * 0.2
        made.b[site] = torch.randn(linear.out_features, rank, generator=random) * 0.2
    return made


LORA = 5  # so many of `names` are LoRA adapters, which can be weighted
WORDS = ["warm", "lights to 50%", "the AC", "please", "Ünïcødé 🙂", "何か", "x" * 30]


def random_rows(names: list[str], seed: int, count: int) -> list[Row]:
    """Ragged prompts, some of them turns of one dialogue, under no, one or several adapters."""
    random = torch.Generator().manual_seed(seed)

    def pick(n: int) -> int:
        return int(torch.randint(n, (), generator=random))

    rows: list[Row] = []
    while len(rows) < count:
        turns = 1 + 2 * pick(3)
        messages = [
            say("assistant" if i % 2 else "user", " ".join(WORDS[pick(len(WORDS))] for _ in range(1 + pick(4))))
            for i in range(turns)
        ]
        picked = [pick(len(names)) for _ in range(pick(4))]
        stack = tuple((names[i], (0.5, 1.0, -1.0)[pick(3)] if i < LORA else 1.0) for i in picked)
        rows += [Row(messages[:end], stack) for end in range(1, turns + 1, 2)]
    return rows[:count]


def complete(row: Row) -> Row:
    return Row([*row.messages, say("assistant", "Setting the AC to 22 degrees 🙂.")], row.adapters)


class Scripted(torch.nn.Module):
    """A head that makes the model say given tokens, whatever it read."""

    def __init__(self, resident: Resident, ids: list[int]) -> None:
        super().__init__()
        self.ids, self.size = iter(ids), len(resident.base.tokenizer)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        row = functional.one_hot(torch.tensor(next(self.ids)), self.size).float()
        return row.expand(*hidden.shape[:-1], self.size)


def scripted_resident(make_model, tokenizer, stop_strings: tuple[str, ...] = ()) -> Resident:
    eos_ids = frozenset({tokenizer.eos_token_id})
    cpu = torch.device("cpu")
    return Resident(BaseModel(make_model(), tokenizer, "tiny", "0" * 64, cpu, torch.float32, eos_ids, stop_strings))
