"""`lab`: its verbs, and the screen where there is none."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.verbs import CONTEXT, Verbs

app = typer.Typer(
    name="lab",
    cls=Verbs,
    help="Does personalising a small language model beat one model trained on everybody? "
    "Without a command, opens the screen.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


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
