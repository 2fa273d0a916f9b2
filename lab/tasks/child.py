"""The supervisor's hold on its executor: a process, its pipe, and the events read from it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from queue import Empty, SimpleQueue

from lab.tasks.messages import STOP, Assignment, Event, decode_event, encode_assignment

logger = logging.getLogger(__name__)


class ExecutorProcess:
    """One executor child. It is warm while it lives: its model stays loaded between jobs."""

    def __init__(self) -> None:
        environment = os.environ | {
            "TOKENIZERS_PARALLELISM": "false",  # it forks badly with the executor's threads
            "PYTHONUNBUFFERED": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.tasks.executor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # signals of the terminal are for the supervisor alone
        )
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.last_used = time.monotonic()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._events.put(decode_event(line))
            except ValueError as error:
                logger.error("%s", error)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs, or has left events unread."""
        return self._process.poll() is None or self._reader.is_alive() or not self._events.empty()

    def run(self, assignment: Assignment) -> None:
        """Give it a job."""
        self._write(encode_assignment(assignment))

    def stop_job(self) -> None:
        """Ask it to stop its job at the next safe point."""
        self._write(STOP)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, OSError):  # it died; its reader will tell
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def next_event(self, timeout: float) -> Event | None:
        """The next event, or None when there is none within `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except Empty:
            return None

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def death(self) -> str:
        """How it ended, for people."""
        code = self._process.wait()
        if code >= 0:
            return f"its executor exited with code {code}"
        name = signal.Signals(-code).name
        hint = "; SIGKILL from outside is often the machine running out of memory" if code == -signal.SIGKILL else ""
        return f"its executor was ended by {name}{hint}"
