"""What a manifest says: the files of an artifact, each with its digest and size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from lab.errors import LabError
from lab.paths import inside

MANIFEST_FILE = "manifest.json"


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files below a folder: name → sha256, and name → bytes where that is told."""

    content: bytes
    files: dict[str, str]
    sizes: dict[str, int]

    @property
    def digest(self) -> str:
        """sha256 of the manifest itself, which the database keeps."""
        return hashlib.sha256(self.content).hexdigest()


def described(folder: Path, files: Iterable[Path], about: dict[str, object]) -> Manifest:
    """The manifest of these files of a folder."""
    names = {path.relative_to(folder).as_posix(): path for path in files}
    digests = {name: file_digest(path) for name, path in names.items()}
    sizes = {name: path.stat().st_size for name, path in names.items()}
    option = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return Manifest(orjson.dumps({**about, "files": digests, "sizes": sizes}, option=option), digests, sizes)


def parsed(content: bytes, where: str) -> Manifest:
    """A manifest that was written by `described`.

    Raises:
        LabError: it is none, or names a file outside its folder.
    """
    try:
        told = orjson.loads(content)
        files, sizes = dict(told["files"]), dict(told.get("sizes", {}))
        for name in files:
            inside(Path("/"), name)
        if not all(isinstance(digest, str) for digest in files.values()):
            raise TypeError("a digest is no text")
    except (ValueError, KeyError, TypeError, AttributeError, LabError) as error:
        raise LabError(f"{where}: this is no manifest ({error}); delete it and run its study again.") from None
    return Manifest(content, files, sizes)
