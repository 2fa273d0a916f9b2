"""A crash at every step between claim and commit, and of the steps around them."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from pathlib import Path

from planned import job

from faults import points
from faults.arena import PATIENCE, Arena
from lab.db import jobs
from lab.db.tables import State
from lab.methods.plan import PlannedJob

_SECONDS = PATIENCE  # until the chosen place is reached


def every_step(arena: Arena) -> None:
    """Worker after worker dies at its own place; each finds what the one before it left."""
    places = [*points.SUPERVISOR, *points.EXECUTOR]
    if arena.scale < 1:
        places = arena.rng.sample(places, arena.times(len(places), 4))
    for number, place in enumerate(places):
        _die_at(arena, place, priority=number + 1)
    arena.settle()
    while arena.retry_broken(State.DEAD):  # who met three dying workers was not at fault
        arena.settle()


def _die_at(arena: Arena, place: str, priority: int) -> None:
    spent = arena.file("spent")
    plan = _plan(arena, place)
    ids = arena.submit(*plan, priority=priority)
    worker = arena.launch(FAULTS_POINT=place, FAULTS_NTH=str(arena.rng.choice(_times(place))), FAULTS_SPENT=str(spent))
    _provoke(arena, place, ids, worker, spent)
    arena.until(spent.exists, f"a death {place}", _SECONDS)
    arena.hurt()
    arena.kills += 1
    if place in points.EXECUTOR:
        arena.kill(worker)
    worker.wait(_SECONDS)


def _times(place: str) -> list[int]:
    """Which time it is reached is a matter of chance, where it is reached often."""
    often = ("heartbeat", "curve", "pointer", "checkpoint file", "after pointer", "claim")
    return [1, 2] if place.endswith(often) else [1]


def _plan(arena: Arena, place: str) -> list[PlannedJob]:
    """What makes a worker come by there."""
    if place.endswith(("hand-back", "cancel")):
        return [arena.job("long", steps=60, pause=0.05)]
    suffering = {"failure": "error", "retry": "error", "loss": "crash"}.get(place.rsplit(maxsplit=1)[-1], "")
    return [arena.job("first", fault=suffering), arena.job("second"), arena.job("third", "first", "second")]


def _provoke(arena: Arena, place: str, ids: list[int], worker: subprocess.Popen[bytes], spent: Path) -> None:
    """What a person has to do for it."""
    if place.endswith("cancel"):
        arena.expect(ids, State.CANCELLED)
        arena.until(lambda: arena.running(ids[0]) and job(ids[0]).step, "a job to cancel", _SECONDS)
        jobs.cancel(ids[0])
    elif place.endswith("hand-back"):
        arena.until(lambda: arena.running(ids[0]) and job(ids[0]).step, "a job to hand back", _SECONDS)
        with contextlib.suppress(ProcessLookupError):
            worker.send_signal(signal.SIGTERM)
