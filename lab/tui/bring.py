"""Bringing data in: read or made in a thread, told how far it is, stopped when asked; nothing is kept by halves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.settings import load_settings
from lab.tui.format import counted


@dataclass
class Work:
    """Something that takes a while; its thread writes, the screen reads and may ask it to stop."""

    what: str
    step: str = "beginning"
    done: int = 0
    total: int = 0  # 0: not known
    stopped: bool = False

    def at(self, step: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is.

        Raises:
            LabError: it is to stop.
        """
        self.step, self.done, self.total = step, done, total
        if self.stopped:
            raise LabError(f"{self.what}: stopped; nothing was kept")


def bring_in(said: str, work: Work) -> str:
    """Check the data set that a folder or hub name holds, and keep it; `SOURCE as NAME` names it. Returns its name."""
    from lab.data.load import load
    from lab.data.store import keep

    source, _, given = said.strip().partition(" as ")
    source = source.strip()
    if not source:
        raise LabError("type the path of a folder, or a Hugging Face name as owner/name")
    work.at(f"reading {source}")
    dataset = load(source)
    name = given.strip() or Path(source).expanduser().resolve().name
    work.at(f"keeping {counted(len(dataset.personas), 'persona')}, {counted(len(dataset.dialogues), 'dialogue')}")
    keep(dataset, store(), name)
    return name


def make(name: str, personas: int, dialogues: int, seed: int, work: Work) -> str:
    """Make a synthetic data set and keep it under this name. Returns the name."""
    from lab.data.generate import generate
    from lab.data.store import keep

    tell: Callable[[int], None] = lambda made: work.at("making personas", made, personas)  # noqa: E731
    dataset = generate(personas, dialogues, seed=seed, tell=tell)
    work.at(f"keeping {len(dataset.dialogues):,} dialogues")
    keep(dataset, store(), name)
    return name


def store() -> Path:
    """Where data sets are kept by name."""
    return load_settings().artifacts / "data"
