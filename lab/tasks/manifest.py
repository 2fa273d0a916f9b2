"""The manifest of an artifact: every file with its digest, written last."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import LabError
from lab.paths import inside
from lab.store.artifacts import artifacts
from lab.store.manifest import MANIFEST_FILE, described, file_digest, parsed

CHECKPOINT_FOLDER = "checkpoint"  # of use to the next attempt only, so not part of the artifact


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
    files = _files(folder)
    manifest = described(folder, files, about)
    temporary = folder / f"{MANIFEST_FILE}.part"
    temporary.write_bytes(manifest.content)
    for path in (*files, temporary):
        _settle(path)
    temporary.rename(folder / MANIFEST_FILE)
    _settle(folder)
    return manifest.digest


def verify_artifact(artifact: str, digest: str) -> None:
    """Check an artifact of the settings' folder, and of the store behind it if there is one.

    Raises:
        LabError: a file is missing or is not what was committed.
        StoreError: the store cannot be reached, so nothing is known.
    """
    there = artifacts()
    if there.remote is None:
        verify_manifest(inside(there.root, artifact), digest)
    else:
        there.verify(artifact, digest)


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
    for name, expected in parsed(manifest.read_bytes(), str(manifest)).files.items():
        path = folder / name
        if not path.is_file() or file_digest(path) != expected:
            raise LabError(
                f"{path}: missing or changed since its job succeeded; restore it from a copy, or run its study again."
            )
