"""A program on a pseudo-terminal, and the screen that its bytes draw."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import psutil
import pyte

_READ = 65536  # bytes
_FRAME_SECONDS = 0.005  # of silence end a frame
_MODE_QUERY = b"\x1b[?2026$p"  # do you paint a frame at once?
_MODE_ANSWER = b"\x1b[?2026;2$y"  # yes, as the terminals that people use do


class Terminal:
    """Starts a program as a terminal emulator does; every byte it writes is counted and painted."""

    def __init__(self, command: Sequence[str], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), start_new_session=True
        )
        os.close(slave)
        self.process = psutil.Process(self._process.pid)
        self.bytes = 0  # written by the program so far
        self._latest = self.began  # when the last of them came

    def press(self, keys: bytes) -> float:
        """Type; the moment it was done."""
        os.write(self._master, keys)
        return time.monotonic()

    def read(self, seconds: float) -> bool:
        """Paint what the program writes within so many seconds, once; whether it wrote anything."""
        content = self._arrived(seconds)
        if not content:
            return False
        self.bytes += len(content)
        if _MODE_QUERY in content:
            os.write(self._master, _MODE_ANSWER)
        self._stream.feed(content)
        return True

    def _arrived(self, seconds: float) -> bytes:
        """A whole frame, if one has begun by then; painting it, slow as it is here, keeps none of it waiting."""
        content, wait = b"", max(seconds, 0.0)
        while len(content) < _READ and select.select([self._master], [], [], wait)[0]:
            try:
                content += os.read(self._master, _READ)
            except OSError:  # it has ended
                break
            self._latest, wait = time.monotonic(), _FRAME_SECONDS
        return content

    def watch(self, seconds: float) -> int:
        """Paint for so long; the number of bytes it took."""
        before, end = self.bytes, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)
        return self.bytes - before

    def until(self, seen: Callable[[], bool], seconds: float) -> float | None:
        """Paint until something is seen: the moment of the bytes that showed it, or None if it never is."""
        end = time.monotonic() + seconds
        while not seen():
            left = end - time.monotonic()
            if left <= 0 or not (self.read(left) or self._process.poll() is None):
                return None
            if seen():
                return self._latest
        return time.monotonic()

    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.screen.display)

    def grounds(self, column: int) -> list[str]:
        """The background colour of each row in one column: where a cursor is."""
        return [self.screen.buffer[row][column].bg for row in range(self.screen.lines)]

    def close(self) -> None:
        """End the program and what it started."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        os.close(self._master)
