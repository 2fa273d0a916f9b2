"""How many tokens share a wave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from lab.models import memory


def test_tokens_follow_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, make_model: Callable[..., PreTrainedModel]
) -> None:
    model = make_model()

    def at(free: int) -> int:
        monkeypatch.setattr(memory, "_free", lambda _: free)
        return memory.tokens_at_once(model)

    assert at(0) == 1
    assert at(2_000_000) == pytest.approx(2 * at(1_000_000), abs=1)
    assert at(2**40) == memory._FASTEST["cpu"]
    in_float32 = at(1_000_000)
    model.to(torch.bfloat16)
    assert at(1_000_000) == pytest.approx(2 * in_float32, abs=1)


def test_this_machines_memory_is_read() -> None:
    assert memory._free(torch.device("cpu")) > 2**20
