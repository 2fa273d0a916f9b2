"""Where artifacts lie, seen as folders: this machine's artifacts folder, or the store that machines share."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import uuid
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.paths import part_of
from lab.store.artifacts import artifacts
from lab.store.remote import Remote

OWNER = "lab-id"  # file with the id of the database whose artifacts lie in a place
_UNFINISHED_SECONDS = 86400  # what has such a name is being written, unless it is this old …
_GONE = ".gone"  # … or ends so
# As `tempfile` and `hide` give them; whatever else is hidden (.git, .venv, .ssh) is not the lab's.
_UNFINISHED = re.compile(rf"\..+-[a-z0-9_]{{8}}(?:{re.escape(_GONE)})?")


class Place(Protocol):
    """Folders by their path relative to the place; "" is the place itself."""

    @property
    def shown(self) -> str:
        """Its name, for people."""

    def owner(self) -> str:
        """The id of the database whose artifacts lie here; "" if nobody said so yet."""

    def give_to(self, lab: str) -> None:
        """Say that they are those of the database with this id."""

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in one, in their order; none if it is not there."""

    def abandoned(self, folder: str) -> list[str]:
        """The names of those in it that somebody began to write and never finished."""

    def size(self, folder: str) -> int:
        """Bytes of all files below one; 0 if it is not there."""

    def hide(self, folder: str) -> str:
        """Take one out of use in a single step; returns what is left to remove."""

    def remove(self, folder: str) -> None:
        """Remove one with all that is below it; nothing if it is not there. Raises `LabError` where that fails."""


class Here:
    """The artifacts folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.shown = str(root)

    def owner(self) -> str:
        """What the file says."""
        with contextlib.suppress(FileNotFoundError):
            return (self._root / OWNER).read_bytes().decode("ascii", "replace").strip()
        return ""

    def give_to(self, lab: str) -> None:
        """Write the file, in one step."""
        self._root.mkdir(parents=True, exist_ok=True)
        part = part_of(self._root / OWNER)
        part.write_text(f"{lab}\n")
        part.rename(self._root / OWNER)

    def folders(self, folder: str) -> list[str]:
        """Links are left out, and what is hidden."""
        return sorted(name for name in self._entries(folder) if not name.startswith("."))

    def abandoned(self, folder: str) -> list[str]:
        """Those of the lab's own hidden names that nobody has touched for a day, or that are hidden to go."""
        found = []
        for name in self._entries(folder):
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - (self._root / folder / name).stat().st_mtime
                if _UNFINISHED.fullmatch(name) and (name.endswith(_GONE) or age > _UNFINISHED_SECONDS):
                    found.append(name)
        return sorted(found)

    def _entries(self, folder: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._root / folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return []

    def size(self, folder: str) -> int:
        """Bytes of all files below one, links not followed."""
        return _size(self._root / folder)

    def hide(self, folder: str) -> str:
        """Give it a hidden name."""
        path = self._root / folder
        hidden = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}{_GONE}")
        with contextlib.suppress(FileNotFoundError):
            path.rename(hidden)
        return hidden.relative_to(self._root).as_posix()

    def remove(self, folder: str) -> None:
        """Remove it, together with whoever removes it too."""
        path = self._root / folder
        try:
            while path.exists():
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path)
        except OSError as error:
            raise LabError(f"{path}: cannot be removed ({error.strerror}); mend that and clean again.") from None


def _size(path: Path) -> int:
    size = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                inner = entry.is_dir(follow_symlinks=False)
                size += _size(Path(entry.path)) if inner else entry.stat(follow_symlinks=False).st_size
    return size


class There:
    """The store that machines share."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.shown = f"the store {remote.shown}"

    def owner(self) -> str:
        """What the file there says."""
        return (self._remote.read(OWNER) or b"").decode("ascii", "replace").strip()

    def give_to(self, lab: str) -> None:
        """Write the file there."""
        self._remote.write(OWNER, f"{lab}\n".encode())

    def folders(self, folder: str) -> list[str]:
        """What is hidden is left out."""
        return sorted(name for name in self._remote.folders(folder) if not name.startswith("."))

    def abandoned(self, folder: str) -> list[str]:
        """None: nothing is given its name there when it is complete."""
        del folder
        return []

    def size(self, folder: str) -> int:
        """Bytes of all files below one."""
        return sum(self._remote.sizes(folder).values())

    def hide(self, folder: str) -> str:
        """A store cannot rename: it goes at once, and what is sent there again is compared file by file."""
        self._remote.remove(folder)
        return folder

    def remove(self, folder: str) -> None:
        """Remove it."""
        self._remote.remove(folder)


def places() -> list[Place]:
    """Those of the settings in force."""
    found = artifacts()
    return [Here(found.root), *([There(found.remote)] if found.remote else [])]
