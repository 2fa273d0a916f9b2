"""What keys do to workers and their queue, each told in one sentence. Called in a thread."""

from __future__ import annotations

from lab.db import workers
from lab.errors import LabError


def drain(worker: str) -> str:
    """Let it end its jobs and leave."""
    if not workers.drain([worker]):
        raise LabError("this worker has left already")
    return "the worker takes no more jobs and leaves after those at hand; d again lets it stay"


def stay(worker: str) -> str:
    """Let it stay after all."""
    if not workers.undo_drain([worker]):
        raise LabError("this worker has left already; u starts another")
    return "the worker stays"


def start() -> str:
    """Start a worker on this machine, or let the one that was about to leave stay."""
    from lab.tasks.local import log_file, work_here

    return f"a worker runs; it writes {log_file()}" if work_here() else "a worker runs on this machine already"


def pause() -> str:
    """Have nothing more begun."""
    from lab.tasks import pausing

    return "the queue is paused: space lets it go on" if pausing.pause() else "somebody paused it a moment ago"


def resume() -> str:
    """Have jobs begun again."""
    from lab.tasks import pausing

    return "the queue goes on" if pausing.resume() else "somebody let it go on a moment ago"
