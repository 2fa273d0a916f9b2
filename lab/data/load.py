"""Reading a data set from a folder or from the Hugging Face hub."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from lab.data.formats import chat, edgewise
from lab.data.types import Dataset
from lab.errors import LabError
from lab.paths import folder_at

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def load(source: str) -> Dataset:
    """Read a data set in any format the lab knows.

    `source` is a folder, or the name of a data set on the Hugging Face hub (`owner/name`). Raises `LabError`;
    where the files are there but wrong it is a `DataError` with every fault.
    """
    folder = folder_at(source)
    if folder is not None:
        return _read(folder)
    if os.path.lexists(source):
        raise LabError(f"{source} is a file; give the folder that holds the data set")
    if HUB_NAME.fullmatch(source):
        return _read(_fetch(source))
    raise LabError(f"{source}: there is no such folder; give a folder, or a Hugging Face data set as owner/name")


def _read(folder: Path) -> Dataset:
    """Read a folder in the format its files show."""
    for candidate in (folder, folder / "data"):
        if any((candidate / name).exists() for name in edgewise.FILES):
            return edgewise.read_edgewise(candidate)
        if any((candidate / name).exists() for name in (chat.PERSONAS, chat.DIALOGUES)):
            return chat.read_chat(candidate)
    raise LabError(
        f"{folder}: no data set here; it needs {chat.PERSONAS} and {chat.DIALOGUES} (chat format),"
        f" or {', '.join(edgewise.FILES)} (EdgeWisePersona format)"
    )


def left_out(source: str) -> Counter[str]:
    """Keys that the lab does not read, of a folder in the chat format, and how often they stand there."""
    folder = folder_at(source)
    for candidate in (folder, folder / "data") if folder else ():
        if (candidate / chat.PERSONAS).is_file():
            return chat.unknown_keys(candidate)
    return Counter()


def _fetch(name: str) -> Path:
    """Download a data set's JSON Lines files from the hub; the hub's own cache keeps them."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=["*.jsonl", "data/*.jsonl"]))
    except (RepositoryNotFoundError, HFValidationError):
        raise LabError(f"{name}: no folder here and no data set on the Hugging Face hub; check the name") from None
    except Exception as error:  # the hub library changes its transport, and with it what a dead network raises
        raise LabError(
            f"{name}: no such folder here, and the Hugging Face hub cannot be reached"
            f" ({type(error).__name__}); check the path or the network, or give a folder with its files"
        ) from error
