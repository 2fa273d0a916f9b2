"""The verbs, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import (
    backup,
    bench,
    chat,
    clean,
    compare,
    data,
    export,
    jobs,
    machine,
    methods,
    pause,
    persona,
    picks,
    report,
    results,
    run,
    workers,
)

app = typer.Typer(
    name="lab",
    help="Does personalising a small language model beat one model trained on everybody? "
    "Without a command, opens the screen.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data", help="Import, generate, check and show data sets.")
app.add_typer(methods.app, name="methods", help="List and explain the methods.")
app.add_typer(persona.app, name="persona", help="Add personas to a study that is over.")
app.command()(run.run)
app.command()(run.wait)
app.command(name="jobs")(jobs.jobs)
app.command()(jobs.logs)
app.command()(jobs.cancel)
app.command()(jobs.retry)
app.command(name="results")(results.results)
app.command(name="report")(report.report)
app.command(name="compare")(compare.compare)
app.command(name="chat")(chat.chat)
app.command(name="picks")(picks.picks_of)
app.command(name="export")(export.export)
app.command(name="bench")(bench.bench)
app.command()(machine.up)
app.command()(machine.down)
app.command()(machine.status)
app.command()(machine.doctor)
app.command(name="clean")(clean.clean)
app.command(name="backup")(backup.backup)
app.command()(backup.restore)
app.command(name="workers")(workers.workers)
app.command()(workers.drain)
app.command(name="pause")(pause.pause)
app.command()(pause.resume)


@app.callback(invoke_without_command=True)
def screen(
    context: typer.Context,
    low_bandwidth: Annotated[bool, typer.Option("--low-bandwidth", help="Redraw less often, for a slow line.")] = False,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
) -> None:
    """Open the screen. Leaving it stops nothing; opening it starts the worker, unless that was drained."""
    if context.invoked_subcommand is not None:
        return
    from lab.tasks.local import ensure_running

    ensure_running(wanted=False)
    from lab.tui.app import run as run_screen

    run_screen(low_bandwidth=low_bandwidth, no_mouse=no_mouse)
