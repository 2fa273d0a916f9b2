"""A limit to what this machine keeps of the store: the least recently used artifacts go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError
from lab.store import locks
from lab.store.artifacts import Artifacts
from lab.store.manifest import MANIFEST_FILE, Manifest, file_digest, parsed
from lab.store.remote import Remote, in_parallel

_GB = 1e9  # bytes
_ROOM = ".room"
_JUST_USED_SECONDS = 60.0  # a screen reads what it has just fetched, without a lock


def make_room(artifacts: Artifacts, limit_gb: float, now: float) -> list[str]:
    """Remove artifacts, the least recently used first, until what this machine keeps is within the limit.

    Only one goes that no running job here uses and of which every file was read back from the store as it was
    committed.

    Args:
        artifacts: with a store.
        limit_gb: in 1e9 bytes; 0 for no limit.
        now: the time of the file system's clock, seconds.

    Returns:
        the artifacts that went; none while another job here makes room.

    Raises:
        StoreError: the store cannot be reached; nothing went that is not there.
    """
    if artifacts.remote is None or not limit_gb or not artifacts.root.is_dir():
        return []
    with locks.unless_busy(artifacts.root / _ROOM) as first:
        return _make_room(artifacts.root, artifacts.remote, limit_gb, now) if first else []


def _make_room(root: Path, remote: Remote, limit_gb: float, now: float) -> list[str]:
    sizes = {folder: _size(folder) for folder in _kept(root)}
    over, gone = sum(sizes.values()) - limit_gb * _GB, []
    for folder in sorted(sizes, key=_last_used):
        if over <= 0 or now - _last_used(folder) < _JUST_USED_SECONDS:
            break
        name = folder.relative_to(root).as_posix()
        with locks.alone(folder) as unused:
            if unused and _is_in_store(remote, name, folder):
                shutil.rmtree(folder)
                over -= sizes[folder]
                gone.append(name)
    return gone


def _kept(root: Path) -> Iterator[Path]:
    """The artifacts of finished attempts and the fetched data sets; what has no manifest is still being written."""
    for manifest in root.glob(f"*/*/{MANIFEST_FILE}"):
        parent = manifest.parent.parent.name
        if (parent.isdecimal() or parent == "datasets") and not manifest.parent.is_symlink():
            yield manifest.parent


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _last_used(folder: Path) -> float:
    return (folder / MANIFEST_FILE).stat().st_mtime


def _is_in_store(remote: Remote, artifact: str, folder: Path) -> bool:
    """Whether the store has the same manifest, every file that it names, and nothing else lies here."""
    try:
        manifest = parsed((folder / MANIFEST_FILE).read_bytes(), str(folder))
    except LabError:
        return False
    if remote.digest(f"{artifact}/{MANIFEST_FILE}") != manifest.digest or _has_more(folder, manifest):
        return False
    same = in_parallel(lambda name: remote.digest(f"{artifact}/{name}") == manifest.files[name], manifest.files)
    return all(same)


def _has_more(folder: Path, manifest: Manifest) -> bool:
    """Whether a file lies here that is not the store's: somebody put it there, or changed it."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))  # a download that was cut off, too
        ours = name == MANIFEST_FILE or hidden or name.startswith("checkpoint/")
        if path.is_file() and not ours and (name not in manifest.files or file_digest(path) != manifest.files[name]):
            return True
    return False
