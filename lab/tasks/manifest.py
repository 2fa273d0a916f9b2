"""The manifest of an artifact: every file with its digest, written last."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from lab.errors import LabError

MANIFEST_FILE = "manifest.json"


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    return sorted(path for path in found if "checkpoint" not in path.relative_to(folder).parts[0])


def write_manifest(folder: Path, about: dict[str, object]) -> str:
    """Write the manifest over all that lies in `folder`, checkpoints left out.

    Returns:
        the manifest's own digest, which the database keeps.
    """
    files = {path.relative_to(folder).as_posix(): file_digest(path) for path in _files(folder)}
    content = orjson.dumps({**about, "files": files}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    temporary = folder / f"{MANIFEST_FILE}.part"
    temporary.write_bytes(content)
    temporary.rename(folder / MANIFEST_FILE)
    return hashlib.sha256(content).hexdigest()


def verify_manifest(folder: Path, digest: str) -> None:
    """Check an artifact against the digest that the database keeps of its manifest.

    Raises:
        LabError: a file is missing or is not what was committed.
    """
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file() or file_digest(manifest) != digest:
        raise LabError(f"{manifest}: missing or not the committed one; run its job again with `lab retry`.")
    for name, expected in orjson.loads(manifest.read_bytes())["files"].items():
        path = folder / name
        if not path.is_file() or file_digest(path) != expected:
            raise LabError(f"{path}: missing or changed since its job succeeded; run the job again.")
