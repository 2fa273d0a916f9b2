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
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from lab.tasks.messages import KEPT, STOP, Assignment, Event, decode_event, encode_assignment, encode_tidy

logger = logging.getLogger(__name__)

EXECUTOR = (sys.executable, "-m", "lab.tasks.executor")
_DRAIN_SECONDS = 1.0  # for the last words of an executor that died


class ExecutorProcess:
    """One executor child. It is warm while it lives: its model stays loaded between jobs."""

    def __init__(self, command: Sequence[str] = EXECUTOR) -> None:
        environment = {
            "TOKENIZERS_PARALLELISM": "false",  # it forks badly with the executor's threads
            "PYTHONUNBUFFERED": "1",
            # OpenMP threads that spin while they wait make a CPU shared with anything else (the chat executor,
            # another user) 6 to 10 times slower; threads that sleep cost next to nothing on a quiet one.
            "OMP_WAIT_POLICY": "PASSIVE",
            # Unpadded waves have ever new lengths, and the CPU's matmul kernels are compiled and kept for each:
            # 1024 of them are gigabytes after an hour of training, 64 are as fast.
            "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
            "LRU_CACHE_CAPACITY": "64",
        } | os.environ
        self._process = subprocess.Popen(
            command,
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
        with self._process.stdout as lines:
            for line in lines:
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
        if self._process.poll() is None:
            return True
        # Not for ever: a grandchild may hold the other end of the pipe open.
        self._reader.join(_DRAIN_SECONDS)
        return not self._events.empty()

    def run(self, assignment: Assignment) -> None:
        """Give it a job."""
        self._write(encode_assignment(assignment))

    def tidy(self, job: int, attempt: int) -> None:
        """Have it tidy up after a job has succeeded, before it does the next."""
        self._write(encode_tidy(job, attempt))

    def stop_job(self) -> None:
        """Ask it to stop its job at the next safe point."""
        self._write(STOP)

    def confirm_checkpoint(self) -> None:
        """Tell it that its checkpoint is kept: it has waited, so that no more than one interval can be lost."""
        self._write(KEPT)

    def _write(self, line: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        if pipe.closed:  # it was ended, but left events that would have been answered
            return
        with contextlib.suppress(OSError):  # it died; its reader will tell
            pipe.write(line)
            pipe.flush()

    def next_event(self, timeout: float) -> Event | None:
        """The next event, or None when there is none within `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except Empty:
            return None

    def kill(self) -> None:
        """End it now, with whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # what is still to be written has no reader
                self._process.stdin.close()

    def death(self) -> str:
        """How it ended, for people."""
        code = self._process.wait()
        if code >= 0:
            return f"its executor exited with code {code}"
        name = signal.Signals(-code).name
        hint = "; SIGKILL from outside is often the machine running out of memory" if code == -signal.SIGKILL else ""
        return f"its executor was ended by {name}{hint}"
