"""Who uses an artifact's folder on this machine: readers share it, and only one that nobody uses is removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FETCH = ".fetch"


def share(folder: Path) -> int:
    """Make the folder if needed, and keep it from being removed until the descriptor is closed."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        found = _locked(folder, fcntl.LOCK_SH)
        if found is not None:
            return found


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Have the folder for oneself; False, at once, if somebody uses it or it is not there."""
    try:
        found = _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        found = None
    try:
        yield found is not None
    finally:
        if found is not None:
            os.close(found)


@contextlib.contextmanager
def unless_busy(file: Path) -> Iterator[bool]:
    """Whether nobody else on this machine is within; who is comes first."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def fetching(folder: Path) -> Iterator[None]:
    """One process at a time brings files into a folder that it shares."""
    with (folder / _FETCH).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(folder: Path, how: int) -> int | None:
    """A descriptor that holds the lock; None if the folder was removed, or made anew, before it was had."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, how)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
