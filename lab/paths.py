"""Paths that others name: in rows, recipe books, manifests and packages. They stay within one folder."""

from __future__ import annotations

import uuid
from pathlib import Path, PurePosixPath

from lab.errors import LabError


def inside(root: Path, name: str) -> Path:
    """The file or folder of this relative name under `root`, which need not be there.

    Raises:
        LabError: the name leads outside of `root`: it is absolute, goes up, or goes through a link that does.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name or "\\" in name:
        raise LabError(f"{name!r} is no name under {root}; it would lead outside, so it is not used.")
    path = root / pure
    try:
        stays = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # links in a circle, names too long
        stays = False
    if not stays:
        raise LabError(f"{path} leads outside of {root} through a link; put what it points to inside.")
    return path


def folder_at(name: str) -> Path | None:
    """The folder that a person means by `name`, `~` understood; None if there is none, or no folder can have it."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a NUL
        return None


def part_of(file: Path) -> Path:
    """Where a file is while it is written: of this call alone, for a folder may be several threads' and machines'."""
    return file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.part")
