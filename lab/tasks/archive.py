"""One file that holds many: an uncompressed tar (weights do not compress), its manifest last, every digest in it.

Nothing in such a file is believed: names have to lead into the folders that a backup has, members have to be plain
files, and everything has to be what the manifest says, or nothing of it is used.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import orjson

from lab.errors import LabError

MANIFEST = "manifest.json"
ROWS, FILES = "rows", "files"
_FORMAT = 1
_PIECE = 1 << 20
_PART = r"(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}"  # of a path: no way up, all of it text
_BELOW = "[1-9][0-9]{0,17}|datasets|data|chats"  # a job's folder, or one of the lab's
_NAME = re.compile(rf"{ROWS}/[a-z_]{{1,60}}\.jsonl|{FILES}/(?:{_BELOW})(?:/{_PART}){{1,20}}")
Tell = Callable[[int, int], None]  # so many bytes of so many


def is_name(name: str) -> bool:
    """Whether a backup may have a member of this name."""
    return _NAME.fullmatch(name) is not None and len(name.encode()) <= 4000


def checked(name: str) -> str:
    """A member's name, if it is one that a backup has.

    Raises:
        LabError: it would lead elsewhere.
    """
    if not is_name(name):
        raise LabError(f"it has a file named {name!r:.120}, which no backup has.")
    return name


class _Digesting:
    """A file that is read once, with the digest of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sha = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._sha.update(piece)
        return piece

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


# ---------------------------------------------------------------- pack


class Packer:
    """Writes such a file, member by member."""

    def __init__(self, file: BinaryIO, total: int, tell: Tell) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  (closed in finish)
        self._members: dict[str, dict[str, Any]] = {}
        self._done, self._total, self._tell = 0, total, tell

    def add(self, name: str, path: Path, digest: str | None = None) -> None:
        """Add a file; one of which the `digest` is known has to have it.

        Raises:
            LabError: it is not what it should be.
        """
        info = tarfile.TarInfo(checked(name))
        with path.open("rb") as file:
            info.size, reader = path.stat().st_size, _Digesting(file)
            self._tar.addfile(info, reader)
        if digest not in (None, reader.hexdigest()):
            raise LabError(f"{path}: changed since its job succeeded; run its study again, then back up.")
        self._members[name] = {"size": info.size, "sha256": reader.hexdigest()}
        self._done += info.size
        self._tell(self._done, self._total)

    def finish(self, about: dict[str, Any]) -> None:
        """Write the manifest, with what there is to say `about` the whole, and the end."""
        content = orjson.dumps({"format": _FORMAT, **about, "members": self._members}, option=orjson.OPT_INDENT_2)
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(content)
        self._tar.addfile(info, _reader(content))
        self._tar.close()


def _reader(content: bytes) -> IO[bytes]:
    from io import BytesIO

    return BytesIO(content)


# ---------------------------------------------------------------- unpack


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a file says of itself."""

    revision: str
    version: str
    members: int
    bytes: int


@contextmanager
def unpacking(file: Path) -> Iterator[None]:
    """Tell whatever is wrong with a file from elsewhere in one sentence.

    Raises:
        LabError: the sentence.
    """
    try:
        yield
    except (LabError, tarfile.TarError, OSError, ValueError, KeyError, TypeError, LookupError, OverflowError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise LabError(f"{file} was not restored, and nothing was changed: {reason}.") from None


def unpack(file: Path, into: Path, room: int, tell: Tell) -> Unpacked:
    """Unpack the members into an empty folder, and make sure of every digest.

    Args:
        file: made by `Packer`.
        into: the folder.
        room: bytes that it may take.
        tell: told how far it is.

    Raises:
        LabError, TarError, OSError, ValueError, KeyError, TypeError: it is damaged or no backup.
    """
    with tarfile.open(file, "r:") as tar:
        *members, last = tar.getmembers() or [tarfile.TarInfo()]
        if last.name != MANIFEST or not _is_plain(last):
            raise LabError("its end is missing, or it is no backup")
        told = orjson.loads(_content(tar, last).read())
        if told["format"] != _FORMAT:
            raise LabError(f"it has format {told['format']!r:.20}, which this version does not know; use a newer one")
        named, total = _named(members, told["members"])
        if total > room:
            raise LabError(f"it needs {total >> 20} MiB, but only {room >> 20} MiB are free")
        done = 0
        for name, member in named.items():
            if _unpack_one(tar, member, into / name) != told["members"][name]["sha256"]:
                raise LabError(f"{name} in it is damaged (its sha256 differs)")
            done += member.size
            tell(done, total)
    return Unpacked(str(told["revision"]), str(told["version"]), len(named), total)


def _named(members: list[tarfile.TarInfo], told: dict[str, Any]) -> tuple[dict[str, tarfile.TarInfo], int]:
    """The members by name, which are those of the manifest, and their bytes."""
    named = {checked(member.name): member for member in members}
    odd = next((member.name for member in members if not _is_plain(member)), None)
    if odd is not None:
        raise LabError(f"{odd} in it is no plain file")
    if len(named) != len(members) or {name: one.size for name, one in named.items()} != {
        name: one["size"] for name, one in told.items()
    }:
        raise LabError("its files are not those of its manifest")
    return named, sum(one.size for one in members)


def _is_plain(member: tarfile.TarInfo) -> bool:
    """No link, no device, no folder, and nothing that says it is larger than it is."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    assert content is not None, "a plain file has content"
    return content


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    """Write one file; returns its digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    with _content(tar, member) as source, path.open("xb") as target:
        while piece := source.read(_PIECE):
            sha.update(piece)
            target.write(piece)
    return sha.hexdigest()
