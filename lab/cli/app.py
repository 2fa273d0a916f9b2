"""`lab`: its verbs, and the screen where there is none."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lab.cli.output import console
from lab.cli.verbs import CONTEXT, Verbs
from lab.errors import LabError

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
    web: Annotated[bool, typer.Option("--web", help="Serve the screen to a browser on this machine.")] = False,
    host: Annotated[str, typer.Option(help="With --web: listen on this address, for others too.")] = "localhost",
    port: Annotated[int, typer.Option(help="With --web: listen on this port; 0: any.", min=0, max=65535)] = 8000,
    version: Annotated[bool, typer.Option("--version", help="Print the version of program and engine.")] = False,
) -> None:
    """Open the screen. Leaving it stops nothing; opening it starts the worker, unless that was drained."""
    if context.invoked_subcommand is not None:
        return
    if version:
        from lab.tasks.identity import VERSION

        console.print(f"Persona Lab {VERSION}")
        return
    if web:
        _ready()
        _serve(host, port, {"low_bandwidth": low_bandwidth, "no_mouse": no_mouse})
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # it draws on stderr
        raise LabError("the screen needs a terminal; without one, `lab status` and `lab jobs` say how things are.")
    from lab.tui.run import run as run_screen

    run_screen(low_bandwidth=low_bandwidth, no_mouse=no_mouse, prepare=_ready)


def _ready() -> None:
    from lab.tasks.local import ensure_running

    ensure_running(wanted=False)


def _serve(host: str, port: int, options: dict[str, bool]) -> None:
    try:
        from lab.tui.web import serve
    except ModuleNotFoundError as error:
        raise LabError(f"--web needs {error.name}: pip install 'persona-lab[web]'") from None
    serve(host, port, options, lambda said: console.print(said, soft_wrap=True))
