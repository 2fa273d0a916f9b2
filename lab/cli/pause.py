"""`lab pause` and `lab resume`: the queue of work, for all machines."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.output import console, print_json
from lab.db.migrate import migrate
from lab.db.queries import queue_length

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def pause(json: Json = False) -> None:
    """Let workers finish the jobs at hand and take no others, until `lab resume`; chat goes on."""
    from lab.tasks import pausing

    migrate()
    changed = pausing.pause()
    if json:
        print_json({"paused": True, "changed": changed})
        return
    was = "is paused" if changed else "was paused already"
    console.print(f"the queue {was}: jobs at hand go on, others wait for `lab resume`; chat goes on.", soft_wrap=True)


def resume(json: Json = False) -> None:
    """Let workers take jobs again after `lab pause`."""
    from lab.tasks import pausing

    migrate()
    changed = pausing.resume()
    if json:
        print_json({"paused": False, "changed": changed})
        return
    waiting = queue_length("work")
    console.print(f"the queue {'goes on' if changed else 'was not paused'}: {waiting} job(s) are ready to run.")
