"""`lab persona add`: fit new personas under the methods of a study that is over; what it trained stays as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.cli.run import carry_out, listed

app = typer.Typer(help="Add personas to a study that is over.", no_args_is_help=True)


@app.command()
def add(
    study: Annotated[str, typer.Argument(help="A study that is over.")],
    data: Annotated[str, typer.Argument(help="The new personas: an imported data set, a folder or a hub name.")],
    methods: Annotated[str | None, typer.Option(help="Methods, with commas between; the study's if left out.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new study; STUDY+ID or STUDY+DATA if left out.")] = None,
    as_id: Annotated[str | None, typer.Option("--id", help="Another id for the data's only persona.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, show progress, print the results at the end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace another study of its name without a question.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the new study and its job ids as JSON.")] = False,
) -> None:
    """Fit new personas under a study's methods: a small study of their own, which shares what the old one trained."""
    said: dict[str, Any] = {"extends": study, "data": data, "name": name or _name(study, as_id or data)}
    if methods:
        said["methods"] = listed(methods)
    carry_out(None, said, persona_id=as_id, watch=watch, yes=yes, json=json)


def _name(study: str, newcomer: str) -> str:
    """`demo+anna`, of study demo and a persona or folder anna."""
    return f"{study}+{re.sub(r'[^A-Za-z0-9._+-]+', '-', Path(newcomer).resolve().name).strip('-')}"[:80]
