"""Pausing the queue of work: workers go on with the jobs at hand and claim no more. Chat goes on. Light to import."""

from __future__ import annotations

import getpass
import os
import socket

from lab.db import pause as rows
from lab.tasks.queue import WORK
from lab.tasks.sweep import ring


def pause() -> bool:
    """Pause it; False if it was paused already."""
    return rows.pause(WORK, _who())


def resume() -> bool:
    """Let it go on, and wake whoever waits; False if it was not paused."""
    was = rows.resume(WORK)
    if was:
        ring()
    return was


def _who() -> str:
    """`maya@gpu01`, for whoever else finds the queue paused."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user that the machine has no name for
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
