"""What a test's worker pretends: to be on another machine, to have another clock, or to be broken on purpose."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any


def put_on() -> None:
    """As the variables say; before anything else of the lab is imported."""
    if machine := os.environ.get("FAULTS_MACHINE"):
        _other_machine(machine)
    if shift := os.environ.get("FAULTS_SHIFT"):
        _other_clock(float(shift))
    if plant := os.environ.get("FAULTS_PLANT"):
        PLANTS[plant]()


def _other_machine(name: str) -> None:
    """Nobody sees the other's processes, so only leases tell who is alive."""
    from lab.tasks import identity

    identity.boot_identity = lambda: name  # type: ignore[assignment]
    identity.machine_identity = lambda: name  # type: ignore[assignment]


def _other_clock(seconds: float) -> None:
    """The wall clock of this process is wrong by so much; the monotonic one, as everywhere, only counts."""
    from lab.db import tables

    class Shifted:
        @staticmethod
        def now(zone: tzinfo | None = None) -> datetime:
            return datetime.now(zone) + timedelta(seconds=seconds)

    tables.datetime = Shifted  # type: ignore[attr-defined]
    real_time, real_local, real_universal = time.time, time.localtime, time.gmtime

    def shifted(real: Any) -> Any:
        return lambda at=None: real(real_time() + seconds if at is None else at)

    time.time = lambda: real_time() + seconds
    time.localtime, time.gmtime = shifted(real_local), shifted(real_universal)


# ---------------------------------------------------------------- faults of the product, planted


def _no_fence() -> None:
    """Every write is let through, whoever has the lease."""
    from sqlmodel import col

    from lab.db import leases
    from lab.db.leases import Lease
    from lab.db.tables import Job

    def open_gate(lease: Lease) -> tuple[Any, ...]:
        return (col(Job.id) == lease.job,)

    leases.fence = open_gate


def _no_sweep() -> None:
    """Nobody looks after what others left."""
    from lab.tasks.sweep import Sweep

    Sweep.__call__ = lambda self: None  # type: ignore[method-assign]


def _no_resume() -> None:
    """Checkpoints are never pointed to."""
    from lab.db import jobs

    jobs.checkpoint = lambda *_: True


PLANTS = {"no fence": _no_fence, "no sweep": _no_sweep, "no resume": _no_resume}
