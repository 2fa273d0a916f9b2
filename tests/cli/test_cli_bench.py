"""`lab bench` passes its words on to a process of its own, and that one's words and exit code back."""

from __future__ import annotations

import orjson

SIZE = ("--quick", "--personas", "2", "--dialogues", "4", "--repeats", "1", "--dtype", "float32", "--device", "cpu")


def test_json_is_all_there_is_on_standard_output(shell):
    result = orjson.loads(shell.ok("bench", "train", *SIZE, "--json", OMP_NUM_THREADS="1"))
    assert result["bench"] == "train"
    assert (result["settings"]["personas"], result["settings"]["repeats"]) == (2, 1)
    assert result["machine"]["omp_wait_policy"] == "PASSIVE"


def test_people_get_a_table_with_the_ratios_and_the_floor(shell):
    told = shell.ok("bench", "evaluate", *SIZE, "--new-tokens", "4", OMP_NUM_THREADS="1")
    for part in (
        "median s",
        "tokens/s",
        "peak MiB",
        "same ids",
        "set_adapter / mixed",
        "adapter_names / mixed",
        "floor",
    ):
        assert part in told


def test_bad_input_is_one_sentence(shell):
    assert "at least one of repeats" in shell.refused("bench", "chat", "--quick", "--repeats", "0")
    assert "at least one job" in shell.refused("bench", "queue", "--jobs", "0")
    assert "There is no model folder" in shell.refused("bench", "train", "--base", "./no-such-folder")
