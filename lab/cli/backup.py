"""`lab backup` and `lab restore`: a whole lab in one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import DownloadColumn

from lab.cli.bar import bar
from lab.cli.output import console, print_json
from lab.cli.plan import size_text
from lab.db.migrate import migrate
from lab.tasks.backup import backup as back_up
from lab.tasks.restore import restore as bring_back

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def backup(file: Annotated[Path, typer.Argument(help="A new file.")], json: Json = False) -> None:
    """Write the whole lab into one file, while its workers go on."""
    migrate()
    with bar("backing up", DownloadColumn()) as tell:
        packed = back_up(file, tell)
    if json:
        print_json(asdict(packed) | {"file": str(packed.file)})
        return
    what = f"{packed.jobs:,} jobs, {packed.rows:,} rows, {packed.files:,} files"
    console.print(f"wrote {packed.file}: {size_text(packed.bytes)}, {what}", soft_wrap=True)
    if packed.anew:
        console.print(
            f"note: the checkpoints of {packed.anew} unfinished job(s) lie on other machines, and are not in it; where "
            "it is restored, these start anew",
            soft_wrap=True,
        )


def restore(file: Annotated[Path, typer.Argument(help="A file that `lab backup` wrote.")], json: Json = False) -> None:
    """Make this lab, which has to be empty, the one that was backed up."""
    with bar("restoring", DownloadColumn()) as tell:
        restored = bring_back(file, tell)
    if json:
        print_json(asdict(restored))
        return
    what = f"{restored.studies:,} studies, {restored.jobs:,} jobs, {size_text(restored.bytes)}"
    console.print(f"restored {what}; `lab up` starts a worker, and what was unfinished goes on.", soft_wrap=True)
