"""Sees it when code runs that should not: by what the interpreter reports of itself, and by the canary file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from hostile import CANARY, MARKER

_EVENTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
    "pickle.find_class",
)
_HYPOTHESIS = "/.hypothesis/"  # keeps things for itself as it draws, which it does while a target is attacked
_SANDBOX = "<template>"  # Jinja compiles templates; what they may do is limited as they run


class Watch:
    """What happened while it was on."""

    def __init__(self) -> None:
        self.on = False
        self.allowed: tuple[str, ...] = ()  # folders that may be written to
        self.seen: list[str] = []
        sys.dont_write_bytecode = True  # of what is imported while it is on
        sys.addaudithook(self._hear)  # for good: Python takes none away

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _EVENTS and not (event == "subprocess.Popen" and arguments[0] == "cat"):  # a target's own
            self.seen.append(f"{event} {arguments!r}"[:300])
        elif event == "compile" and arguments[1] != _SANDBOX and MARKER in str(arguments[0] or ""):
            self.seen.append(f"compile {arguments[0]!r}"[:300])
        elif event == "exec" and _is_theirs(arguments[0]):
            self.seen.append(f"exec {arguments[0]!r}"[:300])
        elif event == "open" and isinstance(arguments[0], str | bytes) and _writes(arguments):
            path = os.fsdecode(arguments[0])
            if not str(Path(path).absolute()).startswith(self.allowed) and _HYPOTHESIS not in path:
                self.seen.append(f"open for writing {path!r}"[:300])

    @contextlib.contextmanager
    def over(self, *folders: Path) -> Iterator[None]:
        """Watch; these folders may be written to."""
        self.allowed = (*map(str, folders), "/dev/", "/proc/self/")
        self.seen.clear()
        CANARY.unlink(missing_ok=True)
        self.on = True
        try:
            yield
        finally:
            self.on = False
        if CANARY.exists():
            self.seen.append(f"{CANARY} was made")


def _is_theirs(code: object) -> bool:
    return isinstance(code, CodeType) and code.co_filename != _SANDBOX and MARKER in repr(code.co_consts)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


WATCH = Watch()
