"""`lab bench train`: both sides do the same work and reach the same losses; what is told is complete."""

from __future__ import annotations

import pytest
import torch

from lab.bench.__main__ import run
from lab.bench.material import Settings
from lab.errors import LabError

QUICK = Settings(personas=3, dialogues=6, repeats=2, epochs=2, dropout=0.0, dtype="float32", device="cpu", quick=True)


@pytest.fixture(scope="module")
def result():
    torch.set_num_threads(1)
    return run("train", QUICK)


def test_both_sides_take_the_same_steps_on_the_same_tokens(result):
    grouped, alone = result["sides"]["grouped"], result["sides"]["peft"]
    assert grouped["steps"] == alone["steps"] == 3 * 2 * 2  # personas × epochs × ⌈6 / 4⌉
    assert grouped["tokens"] == alone["tokens"] == result["sides"]["unified"]["tokens"]


def test_without_dropout_every_persona_ends_at_the_loss_that_peft_ends_at(result):
    expected = result["sides"]["peft"]["final_loss"]
    assert len(expected) == 3
    assert result["sides"]["grouped"]["final_loss"] == pytest.approx(expected, abs=1e-4)
    assert result["loss_difference"] < 1e-4


def test_ours_computes_no_padding_and_peft_does(result):
    assert result["sides"]["grouped"]["padding"] == 0
    assert result["sides"]["peft"]["padding"] > 0.05


def test_every_raw_time_is_told_and_the_ratio_is_of_times_taken_in_the_same_turn(result):
    sides = result["sides"]
    assert all(len(side["seconds"]) == 2 and min(side["seconds"]) > 0 for side in sides.values())
    each = [p / g for p, g in zip(sides["peft"]["seconds"], sides["grouped"]["seconds"], strict=True)]
    assert result["ratios"]["peft / grouped"]["each"] == each
    assert all(side["tokens_per_second"] == side["tokens"] / side["median_seconds"] for side in sides.values())


def test_the_machine_is_named(result):
    machine = result["machine"]
    assert machine["dtype"] == "float32"
    assert machine["device"] == "cpu"
    assert machine["threads"] == 1
    assert {"torch", "transformers", "peft"} <= machine["versions"].keys()
    assert machine["cpu"]


def test_nothing_is_faster_than_the_floor(result):
    floor = result["floor"]
    assert floor["seconds"] == max(floor["compute_seconds"], floor["memory_seconds"])
    assert floor["times_floor"] > 1


@pytest.mark.parametrize("name", ["personas", "dialogues", "repeats", "epochs", "new_tokens"])
def test_a_size_of_nothing_is_refused(name):
    with pytest.raises(LabError, match=name):
        Settings(**{name: 0})
