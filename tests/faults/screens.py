"""Faults of those who look on: a screen killed while it writes, and a second `lab` in the same folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time

import psutil
from planned import state

from faults.arena import Arena
from lab.db.tables import State
from lab.tasks.local import local_workers, shut_down

_LAB = [sys.executable, "-c", "from lab.cli import main; main()"]
_KEYS = b"ccrrcr++--jjjkccrrjj"
_SCREEN = [sys.executable, "-m", "faults.hasty"]


class Terminal:
    """A real `lab` on a terminal of its own."""

    def __init__(self, arena: Arena) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        environment = arena.environment(TERM="xterm-256color")
        self.process = subprocess.Popen(
            _LAB, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.painted = 0  # bytes
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(self._master, 65536):
                self.painted += len(data)

    def press(self, keys: bytes) -> None:
        """As if somebody sat there."""
        with contextlib.suppress(OSError):
            os.write(self._master, keys)

    def close(self) -> None:
        """Give the terminal back."""
        os.close(self._master)


def killed_mid_write(arena: Arena) -> None:
    """The real screen dies while keys cancel, retry and prioritise; so do programs that do nothing else."""
    arena.worker()
    ids = arena.bunch(arena.times(45, 6), steps=8, pause=0.1)
    for _ in range(arena.times(6, 1)):
        terminal = Terminal(arena)
        arena.until(lambda: terminal.painted > 2000, "a screen")  # noqa: B023
        time.sleep(1)
        for _ in range(arena.rng.randrange(3, 8)):
            terminal.press(bytes(arena.rng.sample(_KEYS, 2)))
            time.sleep(arena.rng.uniform(0, 0.05))
        arena.kill(terminal.process)
        terminal.close()
    for _ in range(arena.times(12, 2)):
        hasty = arena.run([*_SCREEN, str(arena.rng.randrange(2**31))])
        arena.until(lambda: hasty.poll() is not None, "a program that dies in its write")  # noqa: B023
        arena.hurt()
        arena.kills += 1
        arena.look()
    arena.settle()
    broken = (State.CANCELLED, State.SKIPPED)
    arena.expect([job for job in ids if state(job) in broken], *broken)
    while arena.retry_broken(State.CANCELLED):
        arena.settle()
    arena.expect(ids, State.SUCCEEDED)


def second_lab(arena: Arena) -> None:
    """Screens and `lab up` side by side in one folder: one worker, one queue, and every job is done once."""
    for _ in range(arena.times(2, 1)):
        ups = [arena.run([*_LAB, "up"]) for _ in range(3)]
        arena.hurt(2)
        arena.until(lambda: all(up.poll() is not None for up in ups), "`lab up` three times")  # noqa: B023
        codes, workers = [up.returncode for up in ups], local_workers()
        if codes != [0, 0, 0] or len(workers) != 1:
            arena.broken.append(f"three times `lab up`: exit codes {codes}, {len(workers)} worker(s)")
        if shut_down() != len(workers):
            arena.broken.append("`lab down` left a worker")
    arena.worker()
    terminals = [Terminal(arena) for _ in range(2)]
    try:
        for _ in range(arena.times(5, 1)):
            ids = arena.bunch(12)
            arena.hurt(2)
            arena.finish(ids)
        if len(local_workers()) != 1:
            arena.broken.append(f"{len(local_workers())} workers beside two screens")
        if dead := [one for one in terminals if one.process.poll() is not None]:
            arena.broken.append(f"{len(dead)} screen(s) ended by themselves")
    finally:
        for terminal in terminals:
            with contextlib.suppress(psutil.NoSuchProcess):
                terminal.process.kill()
            terminal.process.wait()
            terminal.close()
