"""`lab jobs|logs|cancel|retry`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from lab.cli.output import console, duration, number, print_json, share, table
from lab.db import jobs as moves
from lab.db.engine import DatabaseError
from lab.db.migrate import migrate
from lab.db.queries import JobRow, get_job, get_study, job_log, list_jobs
from lab.db.tables import TERMINAL, UNFINISHED, State
from lab.errors import LabError

_SPARE = ("val", "loss", "eta")  # columns that go where there is no room, the first first
_MOST = 2**63 - 1  # that a database's integer holds
JobIds = Annotated[list[int], typer.Argument(help="Job ids, from `lab jobs`.", min=1, max=_MOST)]


def jobs(
    study: Annotated[str | None, typer.Argument(help="Only this study's jobs.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the jobs, newest first."""
    migrate()
    rows = list_jobs(get_study(study).id if study else None)
    if json:
        print_json([asdict(row) for row in rows])
        return
    if not rows:
        console.print("no jobs yet; `lab run` queues some.")
        return
    several = len({name for row in rows for name in row.studies}) > 1
    seeds = len({row.seed for row in rows if row.seed is not None}) > 1
    whose = (*(("study",) if several else ()), "kind", "method", *(("seed",) if seeds else ()))
    columns = ("id", *whose, "state", "done", *_SPARE[::-1], "note")
    lines = ([cells[name] for name in columns] for cells in map(_cells, rows))
    console.print(table(columns, lines, right=("id", "seed", "done", *_SPARE), spare=_SPARE))


def _cells(row: JobRow) -> dict[str, str]:
    """What each column says of a job."""
    waits = f"waits for {', '.join(map(str, row.waits_for))}" if row.state is State.BLOCKED else row.note
    return {
        "id": str(row.id),
        "study": ", ".join(row.studies),
        "kind": row.kind,
        "method": row.title,
        "seed": "" if row.seed is None else str(row.seed),
        "state": str(row.state),
        "done": f"{share(row.progress):.0%}",
        "eta": duration(row.eta_seconds) if row.state is State.RUNNING else "",
        "loss": number(row.loss),
        "val": number(row.val_loss),
        "note": row.error or waits,
    }


def logs(
    job: Annotated[int, typer.Argument(help="Job id, from `lab jobs`.", min=1, max=_MOST)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and print new lines.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Print a job's log."""
    migrate()
    last = 0
    get_job(job)
    while True:
        lines = job_log(job, after=last)
        last = lines[-1].id if lines else last
        if json:
            print_json([asdict(line) for line in lines])
            return
        for line in lines:
            console.print(f"{line.at.astimezone():%H:%M:%S} {line.text}", markup=False)
        row = get_job(job).row
        if not follow or row.state in TERMINAL:
            if row.error and row.state in TERMINAL:
                console.print(f"{row.state}: {row.error}", markup=False)
            return
        time.sleep(0.5)


def cancel(
    ids: Annotated[list[int] | None, typer.Argument(help="Job ids, from `lab jobs`.", min=1, max=_MOST)] = None,
    study: Annotated[
        str | None, typer.Option(help="All jobs of this study that have not ended and that no other study has.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Cancel jobs; what waits for them is skipped."""
    if bool(ids) == bool(study):
        raise LabError("lab cancel: name jobs by their ids, or all of a study with --study.")
    migrate()
    _apply(_own(study) if study else ids or [], "cancel", json)


def _own(study: str) -> list[int]:
    """The unfinished jobs that no other study has, those that wait for others first: so none is skipped."""
    return [job.id for job in list_jobs(get_study(study).id) if job.state in UNFINISHED and len(job.studies) == 1]


def retry(ids: JobIds, json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Try failed, dead or cancelled jobs again, from their checkpoint."""
    from lab.tasks.local import ensure_running

    ensure_running()
    _apply(ids, "retry", json)


def _apply(ids: list[int], verb: str, json: bool) -> None:
    """Every job that it can be done to, whatever the others are; then what it could not be done to."""
    states: dict[int, State] = {}
    refused = []
    for job in dict.fromkeys(ids):
        try:
            states[job] = _moved(job, verb)
        except DatabaseError:
            raise
        except LabError as error:
            refused.append(str(error))
    if json:
        print_json({str(job): state for job, state in states.items()})
    elif not ids:
        console.print(f"nothing to {verb}.")
    else:
        for job, state in states.items():
            asked = "asked to stop" if verb == "cancel" and state is State.RUNNING else str(state)
            idle = "" if verb == "cancel" or get_job(job).row.studies else "; no study needs it any more"
            console.print(f"job {job}: {asked}{idle}")
    if refused:
        raise LabError(" ".join(refused))


def _moved(job: int, verb: str) -> State:
    before = get_job(job).row.state
    after = moves.cancel(job) if verb == "cancel" else moves.retry(job)
    if after is None:
        hint = "only failed, dead and cancelled jobs can be tried again" if verb == "retry" else "it has ended"
        raise LabError(f"job {job} is {before}; {hint}.")
    return after
