"""`lab bench`: time this lab against what one would use instead; the work is done by a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated

import typer

from lab.errors import LabError


class Bench(StrEnum):
    """What can be timed."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    CHAT = "chat"
    SCALE = "scale"
    QUEUE = "queue"
    TUI = "tui"


def bench(
    what: Annotated[Bench, typer.Argument(help="What to time.")],
    base: Annotated[str, typer.Option(help="Base model: a hub name, a path or smollm2-135m.")] = "smollm2-135m",
    personas: Annotated[int, typer.Option(help="Personas, an adapter each.")] = 16,
    dialogues: Annotated[int, typer.Option(help="Training dialogues of each; a quarter as many are held out.")] = 20,
    epochs: Annotated[int, typer.Option(help="Passes over the training dialogues.")] = 1,
    new_tokens: Annotated[int, typer.Option(help="Tokens of each answer.")] = 48,
    repeats: Annotated[int, typer.Option(help="Times that every side is run, in turn.")] = 3,
    dropout: Annotated[float, typer.Option(help="LoRA dropout; with 0 both sides reach the same losses.")] = 0.05,
    dtype: Annotated[str, typer.Option(help="Number format of the base: auto, bf16 or float32.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    jobs: Annotated[int, typer.Option(help="Of queue: jobs that do nothing, all submitted at once.")] = 1000,
    database: Annotated[
        str, typer.Option(help="Of queue: a PostgreSQL server to measure on beside SQLite; database_url if not said.")
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Tiny or few of all: see that it works.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
) -> None:
    """Time training, evaluation or chat against peft on the same data and against the floor, or 10, 100, … personas.

    Or the queue: how soon a worker starts a job, and how many it does in a second. Or the screen over a large lab: how
    soon it shows what a key does, and how many bytes it writes.
    """
    flags = [f"--{name}" for name, on in (("quick", quick), ("json", json)) if on]
    if what is Bench.TUI:
        if find_spec("pyte") is None:
            raise LabError("lab bench tui needs a terminal to look at: pip install 'persona-lab[bench]'.")
        raise typer.Exit(subprocess.run([sys.executable, "-m", "lab.bench.tui", *flags], check=False).returncode)
    if what is Bench.QUEUE:
        command = [sys.executable, "-m", "lab.bench.queue", f"--jobs={jobs}", f"--database={database}", *flags]
        raise typer.Exit(subprocess.run(command, check=False).returncode)
    options = {
        "base": base,
        "personas": personas,
        "dialogues": dialogues,
        "epochs": epochs,
        "new-tokens": new_tokens,
        "repeats": repeats,
        "dropout": dropout,
        "dtype": dtype,
        "device": device,
    }
    command = [sys.executable, "-W", "ignore::FutureWarning", "-m", "lab.bench", what.value]
    command += [*(f"--{name}={value}" for name, value in options.items()), *flags]
    # As in the lab's executors: threads that wait for each other must not spin on a shared CPU.
    environment = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)
