"""A training process that is really killed, again and again, ends with the same bytes as one that never was."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from tiny_model import random_model
from training_data import make_groups

from lab.models.checkpoint import states
from lab.models.lora import LoraConfig
from lab.models.train import train_groups
from lab.models.training import GroupResult, TrainConfig
from lab.models.virtual import VirtualConfig

PROCESSES = multiprocessing.get_context("forkserver")  # each begins where the libraries are imported already
PROCESSES.set_forkserver_preload(["lab.models.train", "peft", "transformers.models.llama.modeling_llama"])


def train(folder: Path, told: Connection) -> None:
    """Train from the latest checkpoint in `folder`; tell what came of each group."""
    torch.set_num_threads(1)
    learned = VirtualConfig("prefix", 3) if folder.name == "prefix" else LoraConfig(dropout=0.1)
    config = TrainConfig(epochs=12, learning_rate=1e-2, eval_every=2, patience=4, in_flight=3, checkpoint_steps=2)
    results: list[GroupResult] = []
    resume = next(iter(states(folder)), None)
    data = make_groups(7, val=3)
    train_groups(random_model(330), data, learned, config, on_result=results.append, checkpoint=folder, resume=resume)
    told.send({r.name: [r.learned.digest(), r.steps, r.best_step, r.val_loss, r.train_loss] for r in results})


def start(folder: Path) -> tuple[BaseProcess, Connection]:
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=train, args=(folder, theirs))
    process.start()
    theirs.close()
    return process, ours


def ended(process: BaseProcess, told: Connection) -> dict[str, list[object]]:
    outcome: dict[str, list[object]] = told.recv()
    process.join(120)
    assert process.exitcode == 0
    return outcome


@pytest.mark.parametrize(("kind", "kills"), [("lora", (1, 4, 9)), ("prefix", (1, 4, 9))])
def test_killed_and_resumed_equals_never_killed_bit_for_bit(tmp_path: Path, kind: str, kills: tuple[int, ...]) -> None:
    """`kills` are the numbers of checkpoints that each process lives to write."""
    never = start(tmp_path / "never" / kind)
    folder = tmp_path / "killed" / kind
    killed = 0
    for checkpoints in kills:
        process, _ = start(folder)
        for _ in range(checkpoints):
            before = states(folder)[:1]
            while process.is_alive() and states(folder)[:1] == before:
                time.sleep(0.001)
        killed += process.is_alive()
        process.kill()
        process.join()
    assert killed == len(kills), "the training was over before it could be killed"
    assert ended(*start(folder)) == ended(*never)
