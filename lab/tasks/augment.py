"""More train dialogues of each persona, made from its own train dialogues."""

from __future__ import annotations

from pathlib import Path

from lab.data.types import Dialogue


def read_augmented(folder: Path) -> dict[str, list[Dialogue]]:
    """Persona → the dialogues that a job made of its train dialogues."""
    raise NotImplementedError
