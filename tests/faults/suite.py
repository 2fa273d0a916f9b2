"""All faults, and how one of them is run on one database."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from planned import all_jobs, own_lab

from faults import database, machines, recorder, resources, screens, steps, storm, upgrade, wakeups
from faults.arena import Arena
from faults.databases import Postgres
from faults.table import Row
from lab.db.engine import connected
from lab.db.migrate import alembic_config, migrate

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@contextlib.contextmanager
def _plain(home: Path) -> Iterator[dict[str, str]]:
    yield {}


@dataclass(frozen=True)
class Fault:
    """One kind of fault; `around` makes the place for the lab, and gives settings."""

    name: str
    inject: Callable[[Arena], None]
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)
    around: Callable[[Path], AbstractContextManager[dict[str, str]]] = _plain
    first_schema: bool = False


FAULTS = (
    Fault("kill -9 storm", storm.kill_storm),
    Fault("cancel and retry in a storm", storm.whims),
    Fault("crash at every step", steps.every_step),
    Fault("queue server killed", wakeups.server_killed),
    Fault("queue server frozen", wakeups.server_frozen),
    Fault("queue flushed", wakeups.flushed),
    Fault("queue away for a minute", wakeups.server_away, around=wakeups.somebody_elses_server),
    Fault("duplicate and garbage messages", wakeups.wrong_messages),
    Fault("PostgreSQL crashes", database.restarted, (POSTGRESQL,)),
    Fault("PostgreSQL away past the self-stop", database.away, (POSTGRESQL,)),
    Fault("SQLite locked past the self-stop", database.locked, (SQLITE,)),
    Fault("zombie worker", machines.zombie),
    Fault("wrong clocks and time zones", machines.wrong_clocks),
    Fault("several workers on one device", machines.one_device_twice),
    Fault("disk full", resources.disk_full, around=resources.small_disk),
    Fault("executor out of memory", resources.memory_limit),
    Fault("GPU out of memory (simulated)", resources.gpu_memory),
    Fault("poison job", resources.poison),
    Fault("screen killed mid-write", screens.killed_mid_write),
    Fault("second lab in one folder", screens.second_lab),
    Fault("upgrade to a next version", upgrade.to_the_next_version),
    Fault("upgrade from the first version", upgrade.from_the_first_version, first_schema=True),
)


def run(fault: Fault, kind: str, *, seed: int, scale: float, postgres: Postgres | None, **variables: str) -> Row:
    """Inject a fault into a lab of its own, and look what came of it.

    Args:
        fault: which.
        kind: of database; `postgres` is the server for the one.
        seed: the same seed makes the same choices, whatever else is run.
        scale: of how much is injected; 1 is the full run.
        postgres: a server.
        variables: for every process of the lab, such as a plant of `faults.disguise`.
    """
    home = Path(tempfile.mkdtemp(prefix="lab-faults-"))
    url = postgres.create() if kind == POSTGRESQL and postgres else ""
    began = time.monotonic()
    rng = random.Random(f"{seed} {fault.name} {kind}")
    arena = Arena(home, rng, scale, postgres if url else None, url)
    settings = ({"LAB_DATABASE_URL": url} if url else {}) | variables
    with fault.around(home) as more, own_lab(home, **settings, **more):
        _prepare(fault)
        try:
            fault.inject(arena)
            arena.settle()
            verdict = arena.judge()
        except Exception:
            arena.close()
            raise
        verdict.violations += arena.close()
        jobs = len(all_jobs())
    row = Row(fault.name, kind, arena.injected, arena.kills, jobs, time.monotonic() - began, **vars(verdict))
    if row.clean:  # else it is left to be looked at
        shutil.rmtree(home, ignore_errors=True)
    return row


def _prepare(fault: Fault) -> None:
    if fault.first_schema:
        with connected(writing=True) as connection:
            command.upgrade(alembic_config(connection), "0001")
        return
    migrate()
    recorder.install()
