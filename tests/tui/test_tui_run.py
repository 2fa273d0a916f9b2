"""The entry that the command line uses, in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest
import tui_lab

_MOUSE_ON, _MOUSE_OFF = b"\x1b[?1000h", b"\x1b[?1000l"
_SCREEN_LEFT = b"\x1b[?1049l"
_PATIENCE = 60.0


@pytest.mark.parametrize("no_mouse", [False, True])
def test_the_screen_opens_in_a_terminal_and_q_leaves_it(artifacts: Path, data: Path, no_mouse: bool) -> None:
    tui_lab.busy(data)
    code = f"from lab.tui.run import run; run(low_bandwidth=True, no_mouse={no_mouse})"
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", code])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    written = _read(terminal, until=b"smart-home-6")
    os.write(terminal, b"2")
    written += _read(terminal, until=b"checkpoint 186")
    os.write(terminal, b"q")
    _read(terminal, until=None)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"smart-home-6" in written
    assert (_MOUSE_ON in written) is not no_mouse


def test_ended_from_outside_it_leaves_the_terminal_as_it_was(artifacts: Path, data: Path) -> None:
    tui_lab.busy(data)
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-c", "from lab.tui.run import run; run()"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    before = termios.tcgetattr(terminal)
    _read(terminal, until=b"smart-home-6")
    assert termios.tcgetattr(terminal) != before
    os.kill(child, signal.SIGTERM)
    said = _read(terminal, until=_SCREEN_LEFT)
    said += _read(terminal, until=None)
    os.waitpid(child, 0)
    assert _MOUSE_OFF in said
    assert b"Traceback" not in said
    os.close(terminal)


def _read(terminal: int, until: bytes | None) -> bytes:
    """What the app writes until these words, or until it ends."""
    written = b""
    deadline = time.monotonic() + _PATIENCE
    while until is None or until not in written:
        assert time.monotonic() < deadline, written[-2000:]
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return written
        if not piece:
            return written
        written += piece
    return written
