"""The manifest of an artifact: every file with its digest, written last."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson

from lab.errors import LabError

MANIFEST_FILE = "manifest.json"
CHECKPOINT_FOLDER = "checkpoint"  # of use to the next attempt only, so not part of the artifact


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    return sorted(path for path in found if path.relative_to(folder).parts[0] != CHECKPOINT_FOLDER)


def _settle(path: Path) -> None:
    """To the disk: the database must not outlive, through a power cut, what it says is there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, about: dict[str, object]) -> str:
    """Write the manifest over all that lies in `folder`, the checkpoint left out.

    Returns:
        the manifest's own digest, which the database keeps.
    """
    files = {}
    for path in _files(folder):
        files[path.relative_to(folder).as_posix()] = file_digest(path)
        _settle(path)
    content = orjson.dumps({**about, "files": files}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    temporary = folder / f"{MANIFEST_FILE}.part"
    temporary.write_bytes(content)
    _settle(temporary)
    temporary.rename(folder / MANIFEST_FILE)
    _settle(folder)
    return hashlib.sha256(content).hexdigest()


def verify_manifest(folder: Path, digest: str) -> None:
    """Check an artifact against the digest that the database keeps of its manifest.

    Raises:
        LabError: a file is missing or is not what was committed.
    """
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file() or file_digest(manifest) != digest:
        raise LabError(
            f"{manifest}: missing or not the committed one; restore the folder from a copy, or run its study again."
        )
    for name, expected in orjson.loads(manifest.read_bytes())["files"].items():
        path = folder / name
        if not path.is_file() or file_digest(path) != expected:
            raise LabError(
                f"{path}: missing or changed since its job succeeded; restore it from a copy, or run its study again."
            )
