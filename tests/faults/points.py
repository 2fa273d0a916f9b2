"""Places to die at: a process that is armed with the name of one kills itself there, once.

The product has no such switch. The tests' own worker and executor scripts wrap the product's functions from
outside, so every step between claim and commit has a moment before it, one inside its transaction (all is
written, nothing is committed) and one after it.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

# The supervisor's steps that are one transaction each: name → function of `lab.db.jobs`.
STEPS = {
    "claim": "claim",
    "heartbeat": "beat",
    "curve": "record",
    "pointer": "checkpoint",
    "commit": "succeed",
    "failure": "fail",
    "loss": "lose",
    "hand-back": "hand_back",
    "cancel": "cancelled",
    "retry": "retry_is_due",
}
SUPERVISOR = (
    *(f"{when} {step}" for step in STEPS for when in ("before", "inside", "after")),
    "before assignment",
    "after assignment",
    "before bell",
    "after bell",
)
EXECUTOR = (
    "job begins",
    "before checkpoint file",
    "between checkpoint file and pointer",
    "after pointer",
    "before manifest",
    "after manifest",
    "after done",
)

_counts: dict[str, itertools.count[int]] = {}
_step = threading.local()  # the step whose transaction this thread is in


def hit(name: str) -> None:
    """Die here if this is the chosen place, reached for the chosen time, and nobody has died of it yet."""
    if os.environ.get("FAULTS_POINT") != name:
        return
    reached = next(_counts.setdefault(name, itertools.count(1)))
    if reached < int(os.environ.get("FAULTS_NTH", "1")):
        return
    try:
        Path(os.environ["FAULTS_SPENT"]).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, function: str, name: str, counts: Callable[..., bool] = lambda *_: True) -> None:
    """Hit `before name` and `after name`, and let the transaction know whose it is; only calls that count."""
    real = getattr(owner, function)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not counts(*args):
            return real(*args, **kwargs)
        hit(f"before {name}")
        _step.name = name
        try:
            result = real(*args, **kwargs)
        finally:
            _step.name = None
        if result is not None:  # a claim that found nothing is no step
            hit(f"after {name}")
        return result

    setattr(owner, function, wrapped)


def _on_commit(_connection: object) -> None:
    name = getattr(_step, "name", None)
    if name is not None:
        hit(f"inside {name}")


def arm_supervisor() -> None:
    """Wrap the steps of a supervisor."""
    from sqlalchemy import Engine, event

    from lab.db import jobs
    from lab.tasks import supervisor
    from lab.tasks.child import ExecutorProcess

    for step, function in STEPS.items():
        _around(jobs, function, step, _of_work if step == "claim" else lambda *_: True)
    event.listen(Engine, "commit", _on_commit)
    _around(ExecutorProcess, "run", "assignment")
    _after_nothing(ExecutorProcess, "run", "after assignment")
    _bell(supervisor)


def _of_work(queue: str, *_: object) -> bool:
    return queue == "work"  # the chat lane asks too, and finds nothing


def _after_nothing(owner: Any, function: str, name: str) -> None:
    """`name` is hit after a function that returns nothing."""
    real = getattr(owner, function)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        hit(name)

    setattr(owner, function, wrapped)


def _bell(supervisor: ModuleType) -> None:
    _around(supervisor, "ring", "bell")
    _after_nothing(supervisor, "ring", "after bell")


def arm_executor() -> None:
    """Wrap the end of a job; its beginning and its checkpoints are in the job itself."""
    from lab.tasks import executor
    from lab.tasks.messages import Done

    _around(executor, "write_manifest", "manifest")
    real = executor.Executor.emit

    def emit(self: executor.Executor, event: Any) -> None:
        real(self, event)
        if isinstance(event, Done):
            hit("after done")

    executor.Executor.emit = emit  # type: ignore[method-assign]
