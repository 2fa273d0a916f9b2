"""Files that are there whole or not at all, whatever ends the process or the power."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make the file at `path`; only when it is complete and on the disk does it get its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    write(partial)
    _settle(partial)  # the name must not point to data that a power cut can still take
    partial.replace(path)
    _settle(path.parent)


def _settle(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


NUMBERED = "*-?????????.*"  # what `numbered` names, of any name and suffix


def numbered(folder: Path, name: str, number: int, suffix: str) -> Path:
    """Where the file of this number belongs; names sort as their numbers do."""
    return folder / f"{name}-{number:09d}{suffix}"


def newest_first(folder: Path, name: str, suffix: str) -> list[Path]:
    """All numbered files of this name; none where there is no such folder."""
    return sorted(folder.glob(f"{name}-*{suffix}"), reverse=True)


def number_of(path: Path) -> int:
    """The number in such a file's name."""
    return int(path.stem.rpartition("-")[2])
