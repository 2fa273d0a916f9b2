"""`lab up|down|status|doctor`: the processes of this machine and whether all is well."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Annotated, Any

import typer

from lab.cli.output import console, marked, print_json, table
from lab.db.migrate import migrate
from lab.db.pause import paused
from lab.db.queries import StudyRow, list_studies, list_workers, queue_length
from lab.db.tables import UNFINISHED, State, Worker
from lab.errors import LabError
from lab.settings import exposed_file, load_settings
from lab.store.artifacts import check_store
from lab.tasks.base_source import source_of

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_ENOUGH_DISK = 2 << 30  # bytes: a base model and a study's adapters


def up(json: Json = False) -> None:
    """Start a worker on this machine, detached, and the queue unless `redis_url` names one."""
    from lab.tasks.local import log_file, work_here

    started = work_here()
    if json:
        print_json({"started": started, "log": str(log_file())})
        return
    console.print("a worker runs" if not started else f"started a worker; it writes {log_file()}", soft_wrap=True)


def down(json: Json = False) -> None:
    """Stop this lab's worker and queue on this machine; running jobs write a checkpoint and go on later."""
    from lab.tasks.local import shut_down

    stopped = shut_down()
    if json:
        print_json({"stopped": stopped})
        return
    console.print(f"stopped {stopped} worker(s); unfinished jobs go on with the next `lab up`.")


def status(json: Json = False) -> None:
    """Workers, queue and studies at a glance."""
    migrate()
    studies, workers = list_studies(), _workers()
    if json:
        print_json(
            {
                "workers": [
                    {"id": w.id, "host": w.host, "devices": w.devices, "state": w.state, "usage": w.usage}
                    for w in workers
                ],
                "ready": queue_length("work"),
                "paused": paused("work") is not None,
                "studies": [
                    {"name": s.name, "dataset": s.dataset_name, "base": s.base, "jobs": dict(s.counts)} for s in studies
                ],
            }
        )
        return
    if not workers:
        console.print("no worker is alive; `lab up` starts one.")
    for worker in workers:
        console.print(f"worker {worker.host} on {', '.join(worker.devices)} ({worker.state}, pid {worker.pid})")
    held = ", but the queue is paused: `lab resume` lets it go on" if paused("work") else ""
    console.print(f"{queue_length('work')} job(s) ready to run{held}")
    if studies:
        numbers = ("done", "running", "waiting", "broken")
        console.print(table(("study", "data", "base", *numbers), map(_study_line, studies), right=numbers))


def _study_line(study: StudyRow) -> tuple[str, ...]:
    count = study.counts
    done, running = count.get(State.SUCCEEDED, 0), count.get(State.RUNNING, 0)
    waiting = sum(count.get(state, 0) for state in UNFINISHED) - running
    broken = study.n_jobs - done - running - waiting
    numbers = (f"{done}/{study.n_jobs}", str(running), str(waiting), str(broken))
    return (study.name, study.dataset_name, study.base, *numbers)


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Check every row and every artifact too.")] = False,
    json: Json = False,
) -> None:
    """Check settings, base model, disk, database, queue and worker; exit code 1 if something is wrong."""
    checks: dict[str, Callable[[], str]] = {
        "settings": _settings,
        "base": _base,
        "disk": _disk,
        "database": _database,
        "store": check_store,
        "queue": _queue,
        "worker": _worker,
    }
    found: dict[str, tuple[bool, str]] = {}
    for name, check in checks.items():
        try:
            found[name] = (True, check())
        except LabError as error:
            found[name] = (False, str(error))
    examined = _examined() if deep and found["database"][0] else None
    if examined:
        found["deep"] = (examined["ok"], examined["says"])
    if json:
        told: dict[str, Any] = {name: {"ok": ok, "says": says} for name, (ok, says) in found.items()}
        print_json(told | ({"deep": examined} if examined else {}))
    else:
        for name, (ok, says) in found.items():
            console.print(
                f"{'[green]ok[/]  ' if ok else '[red]bad[/] '} {name:<9} {marked(says)}", soft_wrap=True, markup=True
            )
        for sentence in examined["violations"] if examined else ():
            console.print(f"     {marked(sentence)}", soft_wrap=True, markup=True)
    if not all(ok for ok, _ in found.values()):
        raise typer.Exit(1)


def _examined() -> dict[str, Any]:
    from lab.cli.deep import examine

    try:
        return examine()
    except LabError as error:
        return {"ok": False, "says": str(error), "violations": []}


def _settings() -> str:
    settings, exposed = load_settings(), exposed_file()
    if settings.theme or settings.keys:  # what the screen would refuse to open with
        from lab.tui import keys, themes

        themes.chosen()
        keys.keymap(settings.keys)
    warning = f"; others can read {exposed}, which holds a password; chmod 600 it" if exposed else ""
    return f"artifacts in {settings.artifacts}, offline weights in {settings.cache}{warning}"


def _base() -> str:
    settings = load_settings()
    return f"{settings.base}, {source_of(settings.base, settings.cache)}"


def _disk() -> str:
    folder = load_settings().artifacts
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"{folder}: this folder cannot be made ({error.strerror}); choose other artifacts.") from None
    free = shutil.disk_usage(folder).free
    if free < _ENOUGH_DISK:
        raise LabError(f"{folder}: only {free >> 20} MiB free; make room or choose other artifacts.")
    return f"{free >> 30} GiB free"


def _database() -> str:
    migrate()
    return "PostgreSQL" if load_settings().database_url else f"SQLite, {load_settings().sqlite_file}"


def _queue() -> str:
    from lab.tasks import embedded, queue

    if not load_settings().redis_url and not embedded.is_running():
        return "embedded, not running (`lab up` starts it)"
    queue.check_redis()
    return (load_settings().redis_url and "answers") or "embedded, answers"


def _workers() -> list[Worker]:
    """Those that are alive, as far as this machine can tell."""
    from lab.tasks.sweep import reap_local_dead

    reap_local_dead()
    return list_workers()


def _worker() -> str:
    workers = _workers()
    if not workers:
        return "none alive (`lab up` starts one here)"
    return "; ".join(f"{worker.host} on {', '.join(worker.devices)}" for worker in workers)
