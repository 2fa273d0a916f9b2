"""Writing a generated data set to a folder, and never over anything else."""

from __future__ import annotations

from pathlib import Path

import orjson

from lab.data.formats.edgewise import FILES, write_edgewise
from lab.data.generate.generate import generate
from lab.data.store import write_whole
from lab.data.types import Dataset
from lab.errors import LabError

RECEIPT = "generated.json"
"""Says how the folder was made; its presence makes the folder the generator's own to replace."""
VERSION = 1


def generate_folder(
    folder: Path, personas: int, dialogues: int, turns: float, seed: int, *, replace: bool = False
) -> Dataset:
    """Generate a data set and write it in the EdgeWisePersona format, whole or not at all.

    Raises:
        LabError: the folder holds something that the generator has not made or, unless it may `replace` it,
            another data set that it has.
    """
    made = {"version": VERSION, "personas": personas, "dialogues": dialogues, "turns": turns, "seed": seed}
    receipt = orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE)
    _check_free(folder, None if replace else receipt)
    dataset = generate(personas, dialogues, turns, seed)

    def write(fresh: Path) -> None:
        write_edgewise(dataset, fresh)
        (fresh / RECEIPT).write_bytes(receipt)

    write_whole(folder, write)
    return dataset


def _check_free(folder: Path, receipt: bytes | None) -> None:
    if folder.exists() and not folder.is_dir():
        raise LabError(f"{folder} is a file; give a folder to write")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if found and (RECEIPT not in found or not found <= {RECEIPT, *FILES}):
        raise LabError(f"{folder} is not empty and not the generator's own; give another folder")
    if found and receipt is not None and (folder / RECEIPT).read_bytes() != receipt:
        raise LabError(f"{folder} holds another generated data set; give another folder, or --replace it")
