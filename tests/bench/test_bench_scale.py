"""`lab bench scale`: ten times the personas, as one pass."""

from __future__ import annotations

import pytest
import torch

from lab.bench.__main__ import run
from lab.bench.material import Settings

QUICK = Settings(personas=30, dialogues=1, repeats=1, dtype="float32", device="cpu", quick=True)


@pytest.fixture(scope="module")
def result():
    torch.set_num_threads(1)
    return run("scale", QUICK)


def test_sizes_are_powers_of_ten_up_to_the_number_asked_for(result):
    assert list(result["sides"]) == ["10 personas", "30 personas"]


def test_every_persona_is_trained_on_all_its_tokens_and_written(result):
    few, many = result["sides"].values()
    assert (few["tokens"], many["tokens"]) == (10 * 4 * 32, 30 * 4 * 32)
    assert many["written_bytes"] > 2.9 * few["written_bytes"] > 0
    assert many["ms_per_persona"] == 1000 * many["median_seconds"] / 30


def test_the_exponent_is_the_slope_between_the_sizes(result):
    few, many = (side["median_seconds"] for side in result["sides"].values())
    slope = torch.log(torch.tensor(many / few)) / torch.log(torch.tensor(3.0))
    assert result["exponent"] == pytest.approx(float(slope), abs=1e-4)
