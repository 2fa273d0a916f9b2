"""`lab bench evaluate|chat`: all sides answer the same prompts with the same tokens, and tell what it cost."""

from __future__ import annotations

import statistics

import pytest
import torch

from lab.bench.__main__ import run
from lab.bench.evaluate import trunks
from lab.bench.material import Material, Settings, prompts
from lab.models.decode import Request

QUICK = Settings(personas=3, dialogues=4, repeats=2, new_tokens=8, dtype="float32", device="cpu", quick=True)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def evaluated():
    return run("evaluate", QUICK)


def test_every_side_answers_every_held_out_turn_with_as_many_tokens(evaluated):
    material = Material(QUICK)
    turns = sum(len(prompts(d)) for persona in material.personas for d in material.held_out(persona))
    assert {side["answers"] for side in evaluated["sides"].values()} == {turns}
    assert {side["tokens"] for side in evaluated["sides"].values()} == {turns * 8}


def test_in_float32_all_sides_give_the_same_token_ids(evaluated):
    assert [side["agreement"] for side in evaluated["sides"].values()] == [1, 1, 1]


def test_both_alternatives_are_compared_turn_by_turn(evaluated):
    assert evaluated["ratios"].keys() == {"set_adapter / mixed", "adapter_names / mixed"}
    assert all(len(ratio["each"]) == 2 for ratio in evaluated["ratios"].values())
    assert evaluated["floor"]["times_floor"] > 1


def test_a_prompt_that_begins_another_of_the_same_persona_need_not_be_read():
    a, b = (("a", 1.0),), (("b", 1.0),)
    asked = [Request((1, 2, 3), a), Request((1, 2), a), Request((1, 2), b), Request((4,), a)]
    assert sorted(trunks(asked)) == [1, 2, 3]


def test_chat_tells_first_token_speed_and_switch_of_every_chat():
    result = run("chat", QUICK)
    for side in result["sides"].values():
        assert side["each"].keys() == {"first_warm_ms", "first_cold_ms", "tokens_per_second", "switch_ms"}
        assert all(len(values) == 2 * 3 for values in side["each"].values())  # repeats × personas
        assert min(side["each"]["first_warm_ms"]) > 0
        # The rate after the first token is a difference of two runs: on a busy machine one of them may be nonsense.
        assert statistics.median(side["each"]["tokens_per_second"]) > 0
    assert result["settings"]["resident"] == 3
