"""What a job has to do with the disk beside its work: making room after it, and telling that there is none."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lab.tasks.manifest import CHECKPOINT_FOLDER

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Libraries that write by themselves (safetensors) tell it in words only.
_SAYS_SO = re.compile(r"No space left on device|Disk quota exceeded|StorageFull|QuotaExceeded|disk is full")


def disk_full(error: BaseException, root: Path) -> str | None:
    """The sentence for a job that met a full disk; None for any other error."""
    if not any(_is_full(one) for one in _chain(error)):
        return None
    return (
        f"the disk that holds {root} is full; make room there (`lab clean` shows what may go), then `lab retry` goes "
        "on from the last checkpoint."
    )


def _is_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in _FULL) or _SAYS_SO.search(str(error)) is not None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def clear_up(committed: Path) -> None:
    """After the commit of this artifact: remove the job's checkpoints and earlier attempts, which nobody reads again.

    Whatever comes in between is left to `lab clean`.
    """
    shutil.rmtree(committed / CHECKPOINT_FOLDER, ignore_errors=True)
    with contextlib.suppress(OSError):
        for other in committed.parent.iterdir():
            if other.name.isdecimal() and int(other.name) < int(committed.name):
                shutil.rmtree(other, ignore_errors=True)
