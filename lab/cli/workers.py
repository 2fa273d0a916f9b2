"""`lab workers` and `lab drain`: who works, on what, and how a worker leaves without breaking off its job."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from lab.cli.output import console, duration, print_json, table
from lab.db.migrate import migrate
from lab.db.queries import list_workers
from lab.db.tables import Worker, now
from lab.db.workers import DRAINING, Busy, busy, undo_drain
from lab.db.workers import drain as drain_rows
from lab.errors import LabError
from lab.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_LOOK_SECONDS = 0.5
_COLUMNS = ("worker", "devices", "state", "does", "seen", "version", "uses")


def workers(json: Json = False) -> None:
    """List the workers of all machines: devices, state, the jobs at hand, when they were last seen, version, load."""
    migrate()
    rows, jobs = _at_work(), busy()
    if json:
        print_json([_json(row, jobs.get(row.id, [])) for row in rows])
        return
    if not rows:
        console.print("no worker is alive; `lab up` starts one.")
        return
    alike = Counter(map(_short, rows))  # the first process of each container, where they share their host's name
    lines = (_line(row, jobs.get(row.id, []), row.id if alike[_short(row)] > 1 else _short(row)) for row in rows)
    console.print(table(_COLUMNS, lines, right=("seen",), spare=("uses", "version", "seen")))


def drain(
    name: Annotated[str | None, typer.Argument(help="A worker or a host; this machine's workers if left out.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until they have left.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Let them stay after all.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the workers' ids as JSON.")] = False,
) -> None:
    """Let workers finish the jobs at hand, claim no more and leave; the next `lab run` or `lab up` here starts one."""
    migrate()
    named = [worker.id for worker in _named(name)]
    found = undo_drain(named) if undo else drain_rows(named)
    if undo and not found:
        raise LabError("none of these workers is about to leave; `lab workers` lists them.")
    if not json:
        _tell(found, undo)
    if wait and not undo:
        _wait(found)
    if json:
        print_json({"stay" if undo else "drain": found})


def _at_work() -> list[Worker]:
    from lab.tasks.sweep import reap_local_dead

    reap_local_dead()
    return list_workers()


def _named(name: str | None) -> list[Worker]:
    """The workers at work that are meant.

    Raises:
        LabError: there is none.
    """
    from lab.tasks.identity import machine_identity

    at_work = _at_work()
    if name is None:
        found = [worker for worker in at_work if worker.machine == machine_identity()]
        if not found:
            raise LabError("no worker runs on this machine; `lab workers` lists those of others, to be named.")
        return found
    found = [worker for worker in at_work if name in (worker.host, worker.id, _short(worker))]
    if not found:
        raise LabError(f"there is no worker and no host '{name}'; `lab workers` lists them.")
    return found


def _short(worker: Worker) -> str:
    """`gpu7:4711`."""
    return worker.id.rpartition(":")[0]


def _tell(found: Sequence[str], undo: bool) -> None:
    jobs = busy()
    for worker in found:
        does = ", ".join(map(_doing, jobs.get(worker, [])))
        if undo:
            console.print(f"{worker} stays", soft_wrap=True)
        else:
            console.print(f"{worker} claims no more and leaves{f' after {does}' if does else ''}", soft_wrap=True)
    if not undo:
        again = "`lab up` there" if load_settings().redis_url else "the next `lab run` or `lab up`"
        console.print(f"`lab drain --undo` takes it back; {again} starts one again.", soft_wrap=True)


def _wait(leaving: Sequence[str]) -> None:
    while any(worker.id in leaving and worker.state == DRAINING for worker in _at_work()):
        time.sleep(_LOOK_SECONDS)


def _doing(job: Busy) -> str:
    return f"job {job.job} ({job.kind} {job.method}, {job.progress:.0%})"


def _line(worker: Worker, jobs: Sequence[Busy], name: str) -> tuple[str, ...]:
    seen = duration(max(0.0, (now() - worker.seen_at).total_seconds()))
    does = ", ".join(f"{job.job} {job.kind} {job.method} {job.progress:.0%}" for job in jobs)
    return (name, ", ".join(worker.devices), worker.state, does, seen, worker.version, _uses(worker.usage))


def _uses(usage: dict[str, Any]) -> str:
    """`cpu 12%, memory 3.1/16 GiB, cuda:0 97%`."""
    parts = [f"cpu {usage['cpu']:.0f}%"] if "cpu" in usage else []
    if usage.get("total"):
        parts.append(f"memory {usage['memory'] / 1024:.1f}/{usage['total'] / 1024:.0f} GiB")
    parts += [f"{gpu['device']} {gpu['load']:.0f}%" for gpu in usage.get("gpus", []) if gpu.get("load") is not None]
    return ", ".join(parts)


def _json(worker: Worker, jobs: Sequence[Busy]) -> dict[str, Any]:
    names = ("id", "host", "devices", "state", "beat", "version", "usage", "started_at", "seen_at")
    seen = (now() - worker.seen_at).total_seconds()  # by two clocks, if it is another machine's
    return {name: getattr(worker, name) for name in names} | {"seen_seconds": seen, "jobs": [asdict(j) for j in jobs]}
