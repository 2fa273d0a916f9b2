"""Memory that really runs out: a process whose address space is limited while it trains."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lab.models.memory import is_out_of_memory

MODEL = """
import json, resource, sys
import numpy as np, psutil, torch
from transformers import LlamaConfig, LlamaForCausalLM
from lab.errors import LabError

torch.set_num_threads(1)
torch.manual_seed(0)
config = LlamaConfig(vocab_size=330, hidden_size=64, intermediate_size=128, num_hidden_layers=4,
                     num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096)
model = LlamaForCausalLM(config).eval().requires_grad_(False)
random = np.random.default_rng(0)

def limit(megabytes):
    if megabytes:
        most = psutil.Process().memory_info().vms + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
"""
TRAIN = """
from lab.models.batching import Example
from lab.models.lora import LoraConfig
from lab.models.train import train_groups
from lab.models.training import GroupData, TrainConfig

groups_, length, free = map(int, sys.argv[1:4])

def example():
    return Example(random.integers(0, 64, length), np.arange(length) > length // 2)

groups = [GroupData(str(n), [example() for _ in range(4)], [example()]) for n in range(groups_)]
train_groups(model, [GroupData("warm", [example()])], config=TrainConfig(epochs=1), on_result=lambda _: None)
limit(free)
events, results = [], []
try:
    train_groups(model, groups, LoraConfig(rank=2), TrainConfig(epochs=1, in_flight=groups_),
                 on_result=results.append, on_event=events.append)
    error = None
except LabError as problem:
    error = str(problem)
print(json.dumps({
    "shrunk": [event.wave_tokens for event in events if event.kind == "shrunk"],
    "finished": {r.name: [r.steps, r.train_loss, r.val_loss] for r in results},
    "error": error,
}))
"""


SERVE = """
sys.path.insert(0, sys.argv[4])
from tiny_model import tokenizer_of, train_tokenizer
import lab.models.decode, lab.models.likelihood
from lab.models.base import BaseModel
from lab.models.resident import Resident
from lab.models.likelihood import nll
from lab.models.serve import Row, generate

rows, words, free = map(int, sys.argv[1:4])
tokenizer = tokenizer_of(train_tokenizer())
device = torch.device("cpu")
resident = Resident(BaseModel(model, tokenizer, "tiny", "0" * 64, device, torch.float32, frozenset({4})))

def say(n, words=words):
    return [{"role": "user", "content": f"{n} " + "lights " * words}, {"role": "assistant", "content": f"yes {n}"}]

asked = [Row(say(n)) for n in range(rows)]
generate(resident, [Row(say(0, 9)[:1])], 2), nll(resident, [Row(say(0, 9))])
limit(free)
shrunk = []
for module in (lab.models.decode, lab.models.likelihood):
    def spy(tokens, *others, halved=module.halved):
        shrunk.append(tokens)
        return halved(tokens, *others)
    module.halved = spy
try:
    answers = generate(resident, [Row(row.messages[:1]) for row in asked], 6, batch_tokens=10**6)
    scores = nll(resident, asked, batch_tokens=10**6)
    told = {"answers": [a.token_ids for a in answers], "nll": [turn.nll for turns in scores for turn in turns],
            "shrunk": shrunk}
except LabError as problem:
    told = {"error": str(problem)}
print(json.dumps(told))
"""

# One arena, and a mapping for each tensor: what is asked for is what counts, on any machine.
EXACT = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}


def with_free(megabytes: int, *, groups: int, length: int) -> dict[str, object]:
    """Train so many groups of four examples in a process that gets so much more memory; 0 is no limit."""
    return run(TRAIN, groups, length, megabytes)


def run(program: str, *numbers: int) -> dict[str, object]:
    """What the program prints, as JSON."""
    arguments = [*map(str, numbers), str(Path(__file__).parents[1])]
    command = [sys.executable, "-c", MODEL + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | EXACT)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_wave_that_does_not_fit_is_halved_until_it_does_and_the_results_are_the_same():
    enough = with_free(0, groups=24, length=200)
    short = with_free(100, groups=24, length=200)
    assert (enough["shrunk"], enough["error"], short["error"]) == ([], None, None)
    halves = short["shrunk"]
    assert halves
    assert halves[0] == 24 * 4 * 200 // 2
    assert halves == sorted(halves, reverse=True)
    assert short["finished"].keys() == enough["finished"].keys() == {str(n) for n in range(24)}
    for name, expected in enough["finished"].items():
        assert short["finished"][name] == pytest.approx(expected, abs=1e-5)


def test_one_groups_batch_that_does_not_fit_is_one_sentence():
    told = with_free(60, groups=2, length=4000)
    assert told["error"] == (
        "A batch of one group (16000 tokens) does not fit into the free memory of cpu; "
        "lower batch_size or max_length, or free some memory."
    )
    assert told["finished"] == {}


def test_serving_goes_on_in_smaller_batches_with_the_same_answers():
    enough, short = run(SERVE, 40, 200, 0), run(SERVE, 40, 200, 60)
    assert short["answers"] == enough["answers"]
    assert short["nll"] == pytest.approx(enough["nll"], abs=1e-3)
    assert enough["shrunk"] == []
    assert short["shrunk"]


def test_one_row_that_does_not_fit_is_one_sentence():
    error = run(SERVE, 1, 1500, 6)["error"]
    assert re.fullmatch(r"One row of \d{4} tokens does not fit into the free memory of cpu; free some memory\.", error)


def test_only_a_want_of_memory_is_taken_for_one():
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
