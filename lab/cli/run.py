"""`lab run` and `lab wait`: plan a study, queue its jobs, watch them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from lab.cli.output import console, duration, number, print_json, share, table
from lab.cli.results import print_results, shown_split
from lab.db.migrate import migrate
from lab.db.pause import paused
from lab.db.queries import JobRow, StudyRow, get_study, list_jobs, list_workers
from lab.db.studies import leaving
from lab.db.tables import BROKEN, UNFINISHED, WAITING, State
from lab.errors import LabError
from lab.safe import safe

if TYPE_CHECKING:
    from lab.tasks.submit import Prepared

_WATCH_SECONDS = 0.5


def run(
    study: Annotated[Path | None, typer.Argument(help="A study file (TOML); options win over it.")] = None,
    data: Annotated[str | None, typer.Option(help="An imported data set, a folder or a hub name.")] = None,
    base: Annotated[str | None, typer.Option(help="Base model: a hub name, a path or smollm2-135m.")] = None,
    methods: Annotated[str | None, typer.Option(help="Methods, with commas between.")] = None,
    personas: Annotated[int | None, typer.Option(help="Only the first so many personas.")] = None,
    dialogues: Annotated[int | None, typer.Option(help="Only the first so many dialogues of each.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show every job with time and disk; queue nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, show progress, print the results at the end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace another study of its name without a question.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the study, its job ids or plan, as JSON.")] = False,
) -> None:
    """Queue a study: its jobs run whether or not anybody watches."""
    overrides: dict[str, Any] = {
        "name": name,
        "data": data,
        "base": base,
        "methods": listed(methods) if methods else None,
        "personas": personas,
        "dialogues": dialogues,
    }
    said = {key: value for key, value in overrides.items() if value is not None}
    carry_out(study, said, plan=plan, watch=watch, yes=yes, json=json)


def listed(methods: str) -> list[str]:
    """`a,b` as the names that it is."""
    return [method.strip() for method in methods.split(",") if method.strip()]


def carry_out(
    file: Path | None,
    said: dict[str, Any],
    *,
    persona_id: str | None = None,
    plan: bool = False,
    watch: bool,
    yes: bool = False,
    json: bool,
) -> None:
    """Plan a study given by a file, by what is said, or by both; queue it, unless the plan is all that is asked for.

    Another study of its name, of which it would leave jobs, is replaced only if somebody says so.
    `persona_id` is another id for the only persona of its data.
    """
    from lab.cli.plan import as_json, check_room, print_costs, print_plan
    from lab.tasks.local import ensure_running
    from lab.tasks.preview import preview
    from lab.tasks.submit import prepare, queue
    from lab.tasks.sweep import ring

    migrate()
    prepared = prepare(file, said, persona_id)
    costs = preview(prepared)
    left, replaces = _leaving(prepared)
    if plan:
        print_plan(costs, json)
        if left and not json:
            console.print(replaces, soft_wrap=True)
        return
    check_room(costs)
    if not json:
        print_costs(costs)
    if left and not yes:
        _agree(replaces, ask=not json)
    row, jobs = queue(prepared)
    ensure_running()
    ring()
    if json and not watch:
        print_json({"jobs": jobs, "left": [job.id for job in left]} | as_json(costs))
        return
    if left and not json:
        console.print(_changed(row, len(jobs), left))
    if watch:
        _watch(row, quiet=json)
        _finish(row, json)
    else:
        console.print("watch it with `lab` or `lab wait`; closing the terminal stops nothing.")


def _leaving(prepared: Prepared) -> tuple[list[JobRow], str]:
    """The jobs that a study of this name has and this one has not, and what is said of them; nothing of none."""
    name = prepared.spec.name
    before = [job for job in list_jobs() if name in job.studies and not job.part]
    gone = leaving(name, {job.key for job in prepared.jobs})
    left = [job for job in before if job.id in gone]
    methods = ", ".join(dict.fromkeys(job.method for job in reversed(left)))
    said = f"study {name} is there, and {len(left)} of its {len(before)} jobs are not in this one ({methods})"
    return left, said if left else ""


def _agree(said: str, *, ask: bool) -> None:
    """Another study is replaced only if somebody wants it.

    Raises:
        LabError: nobody can be asked.
    """
    if not (ask and sys.stdin.isatty()):
        raise LabError(f"{said}; --yes replaces it, another --name keeps both.")
    typer.confirm(safe(f"{said}. Replace it?"), abort=True)


def _changed(study: StudyRow, now: int, left: list[JobRow]) -> str:
    """What became of the study that had this name before."""
    waiting = {job.id for job in left if job.state in WAITING}
    ended = sum(job.id in waiting and job.state not in UNFINISHED for job in list_jobs())
    cancelled = f"; {ended} of these no study needs: cancelled" if ended else ""
    return f"study {study.name} changed: {now} jobs now, {len(left)} left it{cancelled}"


def wait(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON at the end.")] = False,
) -> None:
    """Wait until a study has ended, showing its progress; exit code 1 if a job of it failed."""
    migrate()
    row = get_study(study)
    _watch(row, quiet=json)
    _finish(row, json)


def _watch(study: StudyRow, *, quiet: bool) -> None:
    """Show progress until every job has ended; without a terminal, a line for each change."""
    if quiet or not console.is_terminal:
        _watch_lines(study, quiet)
        return
    try:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while True:
                jobs = _look(study)
                live.update(_progress_table(jobs))
                if not _unfinished(jobs):
                    return
                time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        console.print(f"left; the jobs go on. Come back with `lab wait {study.name}`.")
        sys.exit(130)


def _watch_lines(study: StudyRow, quiet: bool) -> None:
    said: dict[int, tuple[State, int]] = {}
    told = ""
    while True:
        jobs = _look(study)
        why = _why_nothing_starts() if _unfinished(jobs) else ""
        if not quiet and why not in ("", told):
            console.print(f"{why}, and the jobs go on.")
        told = why
        for job in reversed(jobs):
            tenth = (job.state, int(share(job.progress) * 4))
            if not quiet and said.get(job.id) != tenth and job.state is not State.BLOCKED:
                console.print(_line(job))
            said[job.id] = tenth
        if not _unfinished(jobs):
            return
        time.sleep(_WATCH_SECONDS)


def _look(study: StudyRow) -> list[JobRow]:
    from lab.tasks.sweep import reap_local_dead

    reap_local_dead()  # nobody else would tell that the only worker is gone
    return list_jobs(study.id)


def _why_nothing_starts() -> str:
    """Why jobs that are READY stay so; nothing if they do not."""
    if paused("work"):
        return "the queue is paused: `lab resume` ends that"
    return "" if list_workers() else "no worker is alive: `lab up` starts one"


def _unfinished(jobs: list[JobRow]) -> bool:
    return any(job.state in UNFINISHED for job in jobs)


def _line(job: JobRow) -> str:
    eta = f", {duration(job.eta_seconds)} left" if job.eta_seconds and job.state is State.RUNNING else ""
    loss = f", loss {job.loss:.3f}" if job.loss is not None else ""
    tail = job.error or ""
    done = f"{share(job.progress):4.0%}"
    return f"{job.id:>4} {job.kind:<9} {job.title:<16} {job.state:<10} {done}{eta}{loss} {tail}".rstrip()


def _progress_table(jobs: list[JobRow]) -> Table:
    columns = ("id", "kind", "method", "state", "progress", "eta", "loss", "val", "note")
    why = _why_nothing_starts()
    rows = (_progress_line(job, why) for job in reversed(jobs))
    return table(columns, rows, right=("id", "progress", "eta", "loss", "val"), spare=("val", "loss", "eta"))


def _progress_line(job: JobRow, why: str) -> tuple[str, ...]:
    filled = round(share(job.progress) * 10)
    note = job.error or job.note
    if job.state is State.BLOCKED:
        note = f"waits for {', '.join(map(str, job.waits_for))}"
    elif job.state is State.READY and why:
        note = why
    return (
        str(job.id),
        job.kind,
        job.title,
        str(job.state),
        f"{'█' * filled}{'░' * (10 - filled)} {share(job.progress):4.0%}",
        duration(job.eta_seconds) if job.state is State.RUNNING else "",
        number(job.loss),
        number(job.val_loss),
        note,
    )


def _finish(study: StudyRow, json: bool) -> None:
    broken = [job for job in list_jobs(study.id) if job.state in BROKEN]
    _show(get_study(study.name), json)
    if broken:
        worst = broken[-1]
        why = worst.error or f"it is {worst.state}"
        raise LabError(
            f"{len(broken)} job(s) did not succeed; the first, {worst.id} ({worst.kind} {worst.title}): {why}"
        )


def _show(study: StudyRow, json: bool) -> None:
    """The results, but for test scores that nobody has asked for: waiting is no look."""
    try:
        split = shown_split(study)
    except LabError as why:
        print_json({"study": study.name, "methods": [], "note": str(why)}) if json else console.print(str(why))
        return
    print_results(study, split, json, by="lab wait")
