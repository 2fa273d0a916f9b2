"""The executor: a child of a supervisor that holds the model and does one job after another.

It speaks JSON lines: assignments and stop requests come in on standard input, events go out on what was
standard output. It knows no database and no queue. It dies with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO, Protocol

import orjson

from lab.errors import LabError
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.manifest import write_manifest
from lab.tasks.messages import Assignment, Done, Event, Failed, Log, Stopped, encode_event

# A job's own module is imported here only, so that neither screens nor supervisors pay for torch.
KINDS = {
    "train": "lab.tasks.train",
    "recipes": "lab.tasks.recipes",
    "cluster": "lab.tasks.cluster",
    "merge": "lab.tasks.merge",
    "meta": "lab.tasks.meta",
    "mixture": "lab.tasks.mixture",
    "augment": "lab.tasks.augment",
    "route": "lab.tasks.route",
    "adopt": "lab.tasks.adopt",
    "fit": "lab.tasks.fit",
    "evaluate": "lab.tasks.evaluate",
    "chat": "lab.tasks.chat",
}


class JobModule(Protocol):
    """What every module named in `KINDS` offers."""

    def run(self, context: JobContext) -> Done:
        """Do the job; `Done.manifest` is filled in afterwards."""


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere the closed pipe does it
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Executor:
    """The loop of the child process."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._write_lock = threading.Lock()
        self._assignments: SimpleQueue[Assignment] = SimpleQueue()
        self._stop = threading.Event()

    def serve(self) -> None:
        """Do assignments until the parent closes the pipe."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._do(self._assignments.get())

    def _listen(self) -> None:
        for line in self._incoming:
            message = orjson.loads(line)
            if "run" in message:
                self._stop.clear()
                self._assignments.put(Assignment(**message["run"]))
            else:
                self._stop.set()
        os._exit(0)  # the parent is gone; nothing of ours can be committed any more

    def emit(self, event: Event) -> None:
        """Tell the supervisor."""
        line = encode_event(event)
        with self._write_lock:
            self._outgoing.write(line)
            self._outgoing.flush()

    def _do(self, assignment: Assignment) -> None:
        context = JobContext(assignment, self.emit, self._stop)
        try:
            module: JobModule = importlib.import_module(KINDS[assignment.kind])
            self.emit(self._finish(context, module.run))
        except JobStopped:
            self.emit(Stopped())
        except LabError as error:
            self.emit(Failed(str(error), for_good=True))
        except Exception as error:
            self.emit(Log(traceback.format_exc()))
            self.emit(Failed(f"{type(error).__name__}: {error}", for_good=False))

    @staticmethod
    def _finish(context: JobContext, run: Callable[[JobContext], Done]) -> Done:
        assignment = context.assignment
        if assignment.kind == "chat":  # leaves nothing on disk
            return run(context)
        context.folder.mkdir(parents=True, exist_ok=True)
        done = run(context)
        about = {"job": assignment.job, "attempt": assignment.attempt, "kind": assignment.kind}
        manifest = write_manifest(context.folder, {**about, "spec": assignment.spec})
        return Done(manifest, done.result, done.scores)


def main() -> None:
    """Entry of the child process."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which tells us
    # Whatever a library prints must not get between our lines: events leave on a private descriptor, and
    # standard output becomes standard error, which the supervisor's log catches.
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Executor(sys.stdin.buffer, outgoing).serve()


if __name__ == "__main__":
    main()
