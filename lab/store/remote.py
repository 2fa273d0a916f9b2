"""The store that several machines share: any place that fsspec can write to, which is imported here and when used."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from lab.errors import LabError

T = TypeVar("T")

AT_ONCE = 8  # files on their way at a time
_SFTP = ("sftp", "ssh")
_SILENCE_SECONDS = 10  # a server that says nothing this long is asked whether it is there, three times
_PIECE = 1 << 20  # bytes read at a time
_EXTRAS = {"s3": "s3", "s3a": "s3", **dict.fromkeys(_SFTP, "sftp")}


class StoreError(LabError):
    """The store cannot be reached or used just now; later it may be."""


class Remote:
    """Files by their path relative to the store's URL. Every failure but a missing file is a `StoreError`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._opened: tuple[Any, str] | None = None  # fsspec's file system, and the path of the store in it
        self.shown = shown(url)

    def read(self, path: str) -> bytes | None:
        """A small file; None if it is not there."""
        return self._if_there(lambda files, root: bytes(files.cat_file(f"{root}/{path}")))

    def write(self, path: str, content: bytes) -> None:
        """Write a small file."""
        self._do(lambda files, root: files.pipe_file(f"{root}/{path}", content))

    def upload(self, local: Path, path: str) -> None:
        """Copy a file there."""
        self._do(lambda files, root: files.put_file(str(local), f"{root}/{path}"))

    def download(self, path: str, local: Path) -> bool:
        """Copy a file here; False if it is not there."""

        def copy(files: Any, root: str) -> bool:
            files.get_file(f"{root}/{path}", str(local))
            return True

        return self._if_there(copy) or False

    def digest(self, path: str) -> str | None:
        """sha256 of a file as it is read back; None if it is not there."""

        def read(files: Any, root: str) -> str:
            found = hashlib.sha256()
            with files.open(f"{root}/{path}", "rb") as file:
                while piece := file.read(_PIECE):
                    found.update(piece)
            return found.hexdigest()

        return self._if_there(read)

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of every file below a folder, by its name relative to it; empty if there is none."""
        found: dict[str, int] = {}
        level = [""]
        while level:
            entries = [
                entry for inner in in_parallel(lambda name: self._entries(folder, name), level) for entry in inner
            ]
            found |= {name: size for name, size in entries if size is not None}
            level = [name for name, size in entries if size is None]
        return found

    def upload_all(self, files: Mapping[str, Path], folder: str, say: Callable[[str], None] = lambda _: None) -> bool:
        """Copy files into a folder, by their names there; what is there in its full size is not sent again.

        Returns:
            whether anything was sent.

        Raises:
            StoreError: one of them cannot be sent, or is not there in its full size afterwards.
        """
        sizes = {name: path.stat().st_size for name, path in files.items()}

        def missing() -> list[str]:
            there = self.sizes(folder)
            return [name for name, size in sizes.items() if there.get(name) != size]

        def send(name: str) -> None:
            say(f"to the store: {name}")
            self.upload(files[name], f"{folder}/{name}")

        sent = missing()
        in_parallel(send, sent)
        if sent and (lost := missing()):
            raise StoreError(
                f"artifacts_url {self.shown}: {folder}/{lost[0]} was sent and is not there; look after it."
            )
        return bool(sent)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder."""
        return [name for name, size in self._entries(folder, "") if size is None]

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is below it; nothing if it is not there."""
        self._if_there(lambda files, root: files.rm(f"{root}/{path}", recursive=True))

    def check(self) -> None:
        """Write a small file, read it and remove it.

        Raises:
            LabError: one of these cannot be done.
        """
        path, content = f"check-{uuid.uuid4().hex}", b"the lab was here"
        self.write(path, content)
        found = self.read(path)
        self.remove(path)
        if found != content:
            raise StoreError(f"artifacts_url {self.shown}: what is read there is not what was written; look after it.")

    def _entries(self, folder: str, inner: str) -> list[tuple[str, int | None]]:
        """Name below `folder` and size (None: a folder) of what lies in one of its folders; links are left out."""
        path = f"{folder}/{inner}".rstrip("/")
        listed = self._if_there(lambda files, root: files.ls(f"{root}/{path}", detail=True)) or []
        found: list[tuple[str, int | None]] = []
        for entry in listed:
            name = f"{inner}/{str(entry['name']).rstrip('/').rpartition('/')[2]}".lstrip("/")
            if entry["type"] in ("file", "directory"):
                found.append((name, int(entry["size"]) if entry["type"] == "file" else None))
        return found

    # ------------------------------------------------------------ the connection

    def _if_there(self, work: Callable[[Any, str], T]) -> T | None:
        """What `work` gives; None if a file it asks for is not there."""

        def attempt(files: Any, root: str) -> T | None:
            try:
                return work(files, root)
            except FileNotFoundError:
                return None

        return self._do(attempt)

    def _do(self, work: Callable[[Any, str], T]) -> T:
        """Work on the open store; a connection that broke while it was idle is made anew."""
        reused = self._opened is not None
        try:
            return self._once(work)
        except StoreError:
            if not reused:
                raise
        return self._once(work)

    def _once(self, work: Callable[[Any, str], T]) -> T:
        try:
            with self._lock:
                if self._opened is None:
                    self._opened = self._open()
                files, root = self._opened
            files.invalidate_cache()
            _check_mounted(files, root)
            return work(files, root)
        except LabError:
            raise
        except Exception as error:  # nobody knows all errors of all stores: whatever it is may be over later
            self._opened = None
            raise StoreError(
                f"artifacts_url {self.shown}: the store cannot be used ({self._told(error)}); see that it runs and "
                "that this machine may write there."
            ) from None

    def _open(self) -> tuple[Any, str]:
        scheme = urlsplit(self._url).scheme
        try:
            return self._sftp() if scheme in _SFTP else self._any()
        except ValueError as error:  # no such protocol
            raise LabError(f"artifacts_url {self.shown}: {error}; write sftp://, s3:// or a path.") from None
        except ImportError as error:
            extra = _EXTRAS.get(scheme)
            mend = f"pip install 'persona-lab[{extra}]'" if extra else f"install fsspec's package for {scheme}://"
            raise LabError(f"artifacts_url {self.shown}: {error}; {mend}.") from None

    def _sftp(self) -> tuple[Any, str]:
        from sshfs import SSHFileSystem

        logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells of every connection
        url = urlsplit(self._url)
        options = {
            "port": url.port,
            "username": None if url.username is None else unquote(url.username),
            "password": None if url.password is None else unquote(url.password),
        }
        files = SSHFileSystem(
            url.hostname,
            **{name: value for name, value in options.items() if value is not None},
            known_hosts=(),  # those of ~/.ssh/known_hosts: a server that nobody vouches for is refused
            connect_timeout=_SILENCE_SECONDS,
            keepalive_interval=_SILENCE_SECONDS,
            skip_instance_cache=True,
        )
        return files, "/" + unquote(url.path).strip("/")

    def _any(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        own = {"auto_mkdir": True} if urlsplit(self._url).scheme in ("", "file") else {}
        files, root = url_to_fs(self._url, skip_instance_cache=True, **own)
        return files, root.rstrip("/")

    def _told(self, error: Exception) -> str:
        text = " ".join(str(error).split()) or type(error).__name__
        password = urlsplit(self._url).password
        for secret in {password, unquote(password)} if password else ():
            text = text.replace(secret, "***")
        return text[:300]


def _check_mounted(files: Any, root: str) -> None:
    """A folder that is not there is not made: it may be a share that is not mounted."""
    if "file" in files.protocol and not Path(root).is_dir():
        raise NotADirectoryError("there is no such folder")


def in_parallel(work: Callable[[str], T], names: Iterable[str]) -> list[T]:
    """What `work` gives for each name, several at a time; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, names))


def shown(url: str) -> str:
    """A URL for people: without a password and without its query."""
    found = urlsplit(url)
    if not found.netloc:
        return url
    who, at, place = found.netloc.rpartition("@")
    who = f"{who.partition(':')[0]}:***" if ":" in who else who
    return f"{found.scheme}://{who}{at}{place}{found.path}"
