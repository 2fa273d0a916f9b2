"""Checkpoints in the store, from which another machine goes on.

`<job>/<attempt>/checkpoint/<number>.json` is a manifest, and `<sha256>` beside it are the files it names. Nothing is
overwritten: the newest whole one counts, and a file that did not change since the last one is not sent again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError
from lab.paths import inside
from lab.store.artifacts import CHECKPOINT, Artifacts
from lab.store.manifest import MANIFEST_FILE, Manifest, described, file_digest, parsed
from lab.store.remote import Remote, StoreError, in_parallel


def publish_checkpoint(artifacts: Artifacts, folder: str, say: Callable[[str], None] = lambda _: None) -> None:
    """Copy a checkpoint, which nobody changes meanwhile, to the store; older ones of its attempt go.

    Args:
        artifacts: with the store, if there is one.
        folder: the checkpoint's.
        say: told of every file that is sent.

    Raises:
        StoreError: the store cannot be reached; the older ones are still there.
    """
    remote = artifacts.remote
    if remote is None:
        return
    local = inside(artifacts.root, folder)
    paths = [path for path in local.rglob("*") if path.is_file() and path.suffix not in (".part", ".partial")]
    manifest = described(local, sorted(paths), {})
    wanted = {digest: local / name for name, digest in manifest.files.items()}
    remote.upload_all(wanted, folder, say)
    there = remote.sizes(folder)
    latest = max((int(number) for number in _numbers(there)), default=0)
    remote.write(f"{folder}/{latest + 1:06d}.json", manifest.content)
    in_parallel(lambda name: remote.remove(f"{folder}/{name}"), [name for name in there if name not in wanted])


def fetched_checkpoint(artifacts: Artifacts, folder: str) -> Path | None:
    """A checkpoint that lies here or whole in the store; None if there is none.

    Raises:
        StoreError: the store cannot be reached.
    """
    local, remote = inside(artifacts.root, folder), artifacts.remote
    if local.is_dir():
        return local
    if remote is None:
        return None
    for number in sorted(_numbers(remote.sizes(folder)), reverse=True):
        manifest = _manifest(remote, f"{folder}/{number}.json")
        if manifest is not None and _bring(remote, folder, manifest, local):
            return local
    return None


def tidy(artifacts: Artifacts, job: int, attempt: int) -> None:
    """Remove the checkpoints of a job that has succeeded, and what its other attempts left unfinished in the store.

    Raises:
        StoreError: the store cannot be reached.
    """
    remote = artifacts.remote
    if remote is None:
        return
    for name in remote.folders(str(job)):
        folder = f"{job}/{name}"
        unfinished = name != str(attempt) and remote.read(f"{folder}/{MANIFEST_FILE}") is None
        remote.remove(folder if unfinished else f"{folder}/{CHECKPOINT}")


def _numbers(names: dict[str, int]) -> list[str]:
    return [name.removesuffix(".json") for name in names if name.endswith(".json") and name[:-5].isdecimal()]


def _manifest(remote: Remote, path: str) -> Manifest | None:
    """None for one that is gone, or whose upload was interrupted."""
    try:
        content = remote.read(path)
        return None if content is None else parsed(content, path)
    except StoreError:
        raise
    except LabError:
        return None


def _bring(remote: Remote, folder: str, manifest: Manifest, local: Path) -> bool:
    """Fetch all files and put the checkpoint in its place in one step; False if one is missing or damaged."""
    local.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".checkpoint-", dir=local.parent) as temporary:
        fresh = Path(temporary) / CHECKPOINT
        fresh.mkdir()

        def copy(name: str) -> bool:
            path, digest = inside(fresh, name), manifest.files[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            there = remote.download(f"{folder}/{digest}", path)
            return there and not path.is_symlink() and path.is_file() and file_digest(path) == digest

        if not all(in_parallel(copy, manifest.files)):
            return False
        try:
            fresh.rename(local)
        except OSError:  # somebody was faster
            shutil.rmtree(fresh)
            return local.is_dir()
    return True
