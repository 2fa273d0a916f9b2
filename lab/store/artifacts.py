"""Artifacts and data sets on this machine, fetched from the store as they are asked for, and published to it.

Both are folders two levels below the root, `<job>/<attempt>` and `datasets/<digest>`. Their manifest lists their
files and is written last: whoever finds it finds all of them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from lab.errors import LabError
from lab.paths import inside, part_of
from lab.settings import load_settings
from lab.store import locks
from lab.store.manifest import MANIFEST_FILE, Manifest, described, file_digest, parsed
from lab.store.remote import Remote, in_parallel

ADAPTERS = "adapters"  # folder of an artifact whose parts are fetched one by one, as recipes name them
CHECKPOINT = "checkpoint"


def artifacts() -> Artifacts:
    """Those of the settings in force."""
    return artifacts_in(load_settings().artifacts)


def artifacts_in(root: Path) -> Artifacts:
    """Those below `root`, with the store of the settings in force."""
    return _artifacts(root, load_settings().artifacts_url)


@lru_cache(maxsize=4)
def _artifacts(root: Path, url: str) -> Artifacts:
    return Artifacts(root, Remote(url) if url else None)


def check_store() -> str:
    """See that the store of the settings can be written and read; says which one that is, without its password.

    Raises:
        LabError: it cannot.
    """
    remote = artifacts().remote
    if remote is None:
        return "none: one artifacts folder, on this machine or shared"
    remote.check()
    return f"{remote.shown}, can be written and read"


class Artifacts:
    """The folder `root` of this machine and, if there is one, the store behind it."""

    def __init__(self, root: Path, remote: Remote | None) -> None:
        self.root, self.remote = root, remote
        self._used: dict[str, int] | None = None  # artifact → descriptor that keeps it from being removed

    # ------------------------------------------------------------ fetch

    def fetched(self, relative: str, digest: str = "") -> Path:
        """The place of a path as database and recipes name it; what is missing there has come from the store.

        An artifact comes without its adapters, a folder below it with the files that lie directly in it.

        Args:
            relative: an artifact or a data set, or a file or folder in one.
            digest: that of the artifact's manifest, where the database knows it.

        Raises:
            LabError: the path leads outside the root, or the store has no such artifact or a damaged one.
            StoreError: the store cannot be reached.
        """
        return self.fetch([relative], digest)[0]

    def fetch(self, relatives: Iterable[str], digest: str = "") -> list[Path]:
        """The same for several paths."""
        wanted = list(relatives)
        found = [inside(self.root, relative) for relative in wanted]
        if self.remote is not None:
            for artifact in dict.fromkeys(map(artifact_of, wanted)):
                self._bring(artifact, [one for one in wanted if artifact_of(one) == artifact], digest)
        return found

    def _bring(self, artifact: str, relatives: list[str], digest: str) -> None:
        with self._using(artifact) as folder:
            manifest = self._manifest(artifact, digest)
            inner = [relative[len(artifact) + 1 :] for relative in relatives]
            names = {name for name in manifest.files for one in inner if _belongs(name, one)}
            if all((folder / name).is_file() for name in names):
                return
            with locks.fetching(folder):
                missing = sorted(name for name in names if not inside(folder, name).is_file())
                in_parallel(lambda name: self._download(artifact, name, manifest.files[name]), missing)

    def _manifest(self, artifact: str, digest: str = "") -> Manifest:
        """An artifact's manifest, as it lies here or else in the store, from where it is kept."""
        file = self.root / artifact / MANIFEST_FILE
        with contextlib.suppress(FileNotFoundError):
            os.utime(file)  # by which the least recently used is found
            here = parsed(file.read_bytes(), str(file))
            if digest in ("", here.digest):
                return here
        found = self._manifest_there(artifact)
        where = f"{self._where(artifact)}/{MANIFEST_FILE}"
        if found is None:
            raise LabError(
                f"{where}: neither this machine nor the store has this artifact; start a worker where it was "
                "computed, or run its study again."
            )
        if digest not in ("", found.digest):
            raise LabError(f"{where}: not the one that was committed; delete it there and run its study again.")
        _remove_others(file.parent, found)
        part = part_of(file)
        part.write_bytes(found.content)
        part.rename(file)
        return found

    def _manifest_there(self, artifact: str) -> Manifest | None:
        assert self.remote is not None
        content = self.remote.read(f"{artifact}/{MANIFEST_FILE}")
        return None if content is None else parsed(content, f"{self._where(artifact)}/{MANIFEST_FILE}")

    def _download(self, artifact: str, name: str, digest: str, to: Path | None = None) -> None:
        """Bring one file here, whole and as its digest says, or not at all."""
        assert self.remote is not None
        to = to or inside(self.root, f"{artifact}/{name}")
        part = part_of(to)
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            there = self.remote.download(f"{artifact}/{name}", part)
            if not there or part.is_symlink() or not part.is_file() or file_digest(part) != digest:
                what = "not what was committed (its sha256 differs)" if there else "missing"
                raise LabError(
                    f"{self._where(artifact)}/{name}: {what}; delete {self._where(artifact)}/{MANIFEST_FILE} and run "
                    "its study again where the artifact is whole, or anywhere to compute it anew."
                )
            part.rename(to)
        finally:
            part.unlink(missing_ok=True)

    def _where(self, path: str) -> str:
        return f"{self.remote.shown if self.remote else self.root}/{path}"

    # ------------------------------------------------------------ publish

    def publish(self, artifact: str, say: Callable[[str], None] = lambda _: None) -> None:
        """Copy an artifact or a data set to the store, its manifest last; what is there already is not sent again.

        Args:
            artifact: one that is whole on this machine.
            say: told how far it is.

        Raises:
            LabError: another lab's artifact of this name is there.
            StoreError: the store cannot be reached.
        """
        if self.remote is None:
            return
        folder = inside(self.root, artifact)
        file = folder / MANIFEST_FILE
        manifest = parsed(file.read_bytes(), str(file)) if file.is_file() else _of_folder(folder)
        stood = self.remote.read(f"{artifact}/{MANIFEST_FILE}")
        if stood is not None:
            self._check_same(artifact, stood, manifest)
        sent = self.remote.upload_all({name: folder / name for name in sorted(manifest.files)}, artifact, say)
        if sent or stood != manifest.content:
            self.remote.write(f"{artifact}/{MANIFEST_FILE}", manifest.content)

    def _check_same(self, artifact: str, stood: bytes, manifest: Manifest) -> None:
        """One store serves one lab: two number their jobs alike."""
        try:
            found = parsed(stood, "")
        except LabError:  # half a manifest, of an upload that was interrupted
            return
        if found.files != manifest.files:
            raise LabError(
                f"{self._where(artifact)}: another artifact of this name is there; give each lab a store of its own "
                "(artifacts_url), or delete that folder if nobody needs it."
            )

    def verify(self, artifact: str, digest: str) -> None:
        """Check that an artifact is whole, each file here or there; one that is damaged here is fetched again.

        What is whole here is published if the store does not have it.

        Raises:
            LabError: a file is whole neither here nor in the store.
            StoreError: the store cannot be reached.
        """
        assert self.remote is not None
        folder, manifest = inside(self.root, artifact), self._known(artifact, digest)
        here = {name: inside(folder, name) for name in manifest.files if inside(folder, name).is_file()}
        damaged = [name for name, path in here.items() if file_digest(path) != manifest.files[name]]
        away = [name for name in manifest.files if name not in here]
        if not away and not damaged and (folder / MANIFEST_FILE).is_file():
            self.publish(artifact)
            return
        there = self.remote.sizes(artifact)
        for name in (*away, *damaged, MANIFEST_FILE):
            if name not in there or there[name] != manifest.sizes.get(name, there[name]):
                raise LabError(
                    f"{self._where(artifact)}/{name}: it is whole neither here nor there; run its study again."
                )
        for name in damaged:
            self._download(artifact, name, manifest.files[name])

    def _known(self, artifact: str, digest: str) -> Manifest:
        """The committed manifest, here or in the store; nothing is written."""
        file = self.root / artifact / MANIFEST_FILE
        here = parsed(file.read_bytes(), str(file)) if file.is_file() else None
        found = here if here is not None and here.digest == digest else self._manifest_there(artifact)
        if found is None or found.digest != digest:
            raise LabError(f"{self._where(artifact)}: missing or not the committed one; run its study again.")
        return found

    # ------------------------------------------------------------ use

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Whatever is fetched meanwhile stays on this machine to the end."""
        self._used = {}
        try:
            yield
        finally:
            used, self._used = self._used, None
            for descriptor in used.values():
                os.close(descriptor)

    @contextlib.contextmanager
    def _using(self, artifact: str) -> Iterator[Path]:
        folder = inside(self.root, artifact)
        if self._used is not None and artifact in self._used:
            yield folder
            return
        descriptor = locks.share(folder)
        try:
            yield folder
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):  # made for what could not be had
                folder.rmdir()
            raise
        if self._used is None:
            os.close(descriptor)
        else:
            self._used[artifact] = descriptor


def _remove_others(folder: Path, manifest: Manifest) -> None:
    """Files of the manifest's names that are not its own: this folder served another database before."""
    for name, digest in manifest.files.items():
        path = folder / name
        if path.is_file() and not path.is_symlink() and file_digest(path) != digest:
            path.unlink(missing_ok=True)


def artifact_of(relative: str) -> str:
    """The artifact or data set that a path lies in.

    Raises:
        LabError: in none.
    """
    parts = relative.split("/")
    if len(parts) < 2:
        raise LabError(f"{relative!r} is no artifact: one is called <job>/<attempt>, such as 12/1.")
    return "/".join(parts[:2])


def _belongs(name: str, inner: str) -> bool:
    """Whether a file comes with what is asked for: a file, a folder, or the artifact itself ("")."""
    if not inner:
        return not name.startswith(f"{ADAPTERS}/")
    return name == inner or name.rpartition("/")[0] == inner


def _of_folder(folder: Path) -> Manifest:
    """The manifest of a data set, which has none of its own; hidden files are not part of it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return described(folder, sorted(files), {})
