"""The executor: a child of a supervisor that holds the model and does one job after another.

It speaks JSON lines: assignments and stop requests come in on standard input, events go out on what was
standard output. It knows no database and no queue. It dies with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import BinaryIO, Protocol

import orjson

from lab.errors import LabError
from lab.safe import clean_streams
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.store.cache import make_room
from lab.store.checkpoints import tidy
from lab.store.remote import StoreError
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.disk import clear_up, disk_full
from lab.tasks.manifest import write_manifest
from lab.tasks.messages import Assignment, Checkpoint, Done, Event, Failed, Log, Stopped, encode_event

logger = logging.getLogger(__name__)

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
    "join": "lab.tasks.join",
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
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stop = threading.Event()
        self._kept = threading.Semaphore(0)

    def serve(self) -> None:
        """Do assignments until the parent closes the pipe."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._work.get()()

    def _listen(self) -> None:
        for line in self._incoming:
            message = orjson.loads(line)
            if "run" in message:
                self._stop.clear()
                self._work.put(partial(self._do, Assignment(**message["run"])))
            elif "tidy" in message:
                self._work.put(partial(_tidy, *message["tidy"]))
            elif "kept" in message:
                self._kept.release()
            else:
                self._stop.set()
        os._exit(0)  # the parent is gone; nothing of ours can be committed any more

    def emit(self, event: Event) -> None:
        """Tell the supervisor; a checkpoint waits until the database points to it.

        Were the work to go on meanwhile, a crash could cost more than one checkpoint interval, and a worker that
        lost its job without noticing could work on for as long.
        """
        line = encode_event(event)
        with self._write_lock:
            self._outgoing.write(line)
            self._outgoing.flush()
        if isinstance(event, Checkpoint):
            self._kept.acquire()

    def _do(self, assignment: Assignment) -> None:
        context = JobContext(assignment, self.emit, self._stop)
        try:
            module: JobModule = importlib.import_module(KINDS[assignment.kind])
            self._make_room(context)
            with context.artifacts.in_use():
                done = self._finish(context, module.run)
            self.emit(done)
        except JobStopped:
            self.emit(Stopped())
        except StoreError as error:  # it was waited for
            self.emit(Failed(str(error), for_good=False))
        except LabError as error:
            self.emit(Failed(str(error), for_good=True))
        except Exception as error:
            self.emit(Log(traceback.format_exc()))
            self.emit(Failed(disk_full(error, context.root) or f"{type(error).__name__}: {error}", for_good=False))

    @staticmethod
    def _make_room(context: JobContext) -> None:
        if context.assignment.kind == "chat":  # somebody waits
            return
        try:
            gone = make_room(context.artifacts, load_settings().artifacts_gb, time.time())
        except StoreError as error:
            context.log(f"nothing was removed from this machine: {error}")
        else:
            if gone:
                context.log(f"to make room here, these are in the store only now: {', '.join(gone)}")

    @staticmethod
    def _finish(context: JobContext, run: Callable[[JobContext], Done]) -> Done:
        assignment = context.assignment
        if assignment.kind == "chat":  # leaves nothing on disk
            return run(context)
        context.folder.mkdir(parents=True, exist_ok=True)
        done = run(context)
        about = {"job": assignment.job, "attempt": assignment.attempt, "kind": assignment.kind}
        manifest = write_manifest(context.folder, {**about, "spec": assignment.spec})
        context.patiently(lambda: context.artifacts.publish(assignment.folder, context.note))
        return Done(manifest, done.result, done.scores)


def _tidy(job: int, attempt: int) -> None:
    clear_up(artifacts().root / str(job) / str(attempt))
    try:
        tidy(artifacts(), job, attempt)
    except LabError as error:  # what is left takes up room and harms nobody
        logger.warning("job %s is not tidied up: %s", job, error)


def main() -> None:
    """Entry of the child process."""
    _die_with_parent()
    # Ctrl-C, a service manager's or a batch system's stop and a closed terminal reach us and the supervisor alike:
    # it tells us to stop, and waits for a checkpoint.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Whatever a library prints must not get between our lines: events leave on a private descriptor, and
    # standard output becomes standard error, which the supervisor's log catches.
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    clean_streams()
    Executor(sys.stdin.buffer, outgoing).serve()


if __name__ == "__main__":
    main()
