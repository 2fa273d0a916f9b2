"""Data sets the lab keeps: one folder each in the chat format, written whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.data.formats.chat import DIALOGUES, read_chat, write_chat
from lab.data.types import Dataset, digest
from lab.errors import LabError

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


def keep(dataset: Dataset, store: Path, name: str, *, replace: bool = False) -> Path:
    """Keep a data set under a name; keeping the same one again changes nothing. Returns its folder.

    Raises `LabError` for a name that will not do or, unless it may `replace` it, that another data set has.
    """
    if not NAME.fullmatch(name):
        raise LabError(f"data set name {name!r}: use letters, digits and . _ -")
    folder = store / name
    if folder.exists() and not replace:
        if digest(read_chat(folder)) != digest(dataset):
            raise LabError(
                f"{folder} holds another data set; give yours another name, or put it in that one's place with "
                "`lab data import --replace`"
            )
        return folder
    write_whole(folder, lambda temporary: write_chat(dataset, temporary))
    return folder


def is_whole(folder: Path, content: str) -> bool:
    """Whether the data set of this digest lies in a folder, as it was."""
    try:
        return digest(read_chat(folder)) == content
    except LabError:
        return False


def locate(source: str, store: Path) -> str:
    """What to load for a name or path: the folder of a kept data set of that name, else the source."""
    if NAME.fullmatch(source) and (store / source / DIALOGUES).is_file():
        return str(store / source)
    return source


def write_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary folder beside `folder`, then put it in its place in one step.

    A `folder` that is there already is replaced. Raises `LabError` where the place cannot be written.
    """
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        fresh = temporary / "new"
        fresh.mkdir()
        write(fresh)
        for path in filter(Path.is_file, fresh.rglob("*")):
            _sync(path)
        _swap(fresh, folder, temporary / "old")
    except OSError as error:
        raise LabError(f"{folder} cannot be written ({error.strerror}); check the disk and its permissions") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    """Put `fresh` in the place of `folder`, and the old one back should that fail."""
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise


def _sync(path: Path) -> None:
    """Bring a file to the disk before the rename that makes it visible."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
