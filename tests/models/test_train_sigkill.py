"""A training process that is really killed, again and again, ends with the same bytes as one that never was."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.models.checkpoint import states

TRAINING = """
import json, sys
from pathlib import Path
import torch
sys.path[:0] = sys.argv[2:]
from tiny_model import random_model
from training_data import make_groups
from lab.models.checkpoint import states
from lab.models.lora import LoraConfig
from lab.models.train import train_groups
from lab.models.training import TrainConfig
from lab.models.virtual import VirtualConfig

torch.set_num_threads(1)
folder = Path(sys.argv[1])
learned = VirtualConfig("prefix", 3) if folder.name == "prefix" else LoraConfig(dropout=0.1)
config = TrainConfig(epochs=12, learning_rate=1e-2, eval_every=2, patience=4, in_flight=3, checkpoint_steps=2)
results = []
train_groups(random_model(330), make_groups(7, val=3), learned, config, on_result=results.append, checkpoint=folder,
             resume=next(iter(states(folder)), None))
outcome = {r.name: [r.learned.digest(), r.steps, r.best_step, r.val_loss, r.train_loss] for r in results}
print(json.dumps(outcome, sort_keys=True))
"""
HERE = Path(__file__).parent


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAINING, str(folder), str(HERE), str(HERE.parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize(("kind", "kills"), [("lora", (1, 4, 9)), ("prefix", (1, 4, 9))])
def test_killed_and_resumed_equals_never_killed_bit_for_bit(tmp_path: Path, kind: str, kills: tuple[int, ...]) -> None:
    """`kills` are the numbers of checkpoints that each process lives to write."""
    never = start(tmp_path / "never" / kind)
    folder = tmp_path / "killed" / kind
    killed = 0
    for checkpoints in kills:
        process = start(folder)
        for _ in range(checkpoints):
            before = states(folder)[:1]
            while process.poll() is None and states(folder)[:1] == before:
                time.sleep(0.001)
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert killed == len(kills), "the training was over before it could be killed"
    assert ended(start(folder)) == ended(never)
