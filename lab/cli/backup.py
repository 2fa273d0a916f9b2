"""`lab backup` and `lab restore`: a whole lab in one file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from lab.cli.output import console, print_json
from lab.cli.plan import size_text
from lab.db.migrate import migrate
from lab.tasks.backup import backup as back_up
from lab.tasks.restore import restore as bring_back

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def backup(file: Annotated[Path, typer.Argument(help="A new file.")], json: Json = False) -> None:
    """Write the whole lab into one file, while its workers go on."""
    migrate()
    with _bar("backing up") as tell:
        packed = back_up(file, tell)
    if json:
        print_json(asdict(packed) | {"file": str(packed.file)})
        return
    what = f"{packed.jobs:,} jobs, {packed.rows:,} rows, {packed.files:,} files"
    console.print(f"wrote {packed.file}: {size_text(packed.bytes)}, {what}", soft_wrap=True)


def restore(file: Annotated[Path, typer.Argument(help="A file that `lab backup` wrote.")], json: Json = False) -> None:
    """Make this lab, which has to be empty, the one that was backed up."""
    with _bar("restoring") as tell:
        restored = bring_back(file, tell)
    if json:
        print_json(asdict(restored))
        return
    what = f"{restored.studies:,} studies, {restored.jobs:,} jobs, {size_text(restored.bytes)}"
    console.print(f"restored {what}; `lab up` starts a worker, and what was unfinished goes on.", soft_wrap=True)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where somebody looks."""
    error = Console(stderr=True)
    if not error.is_terminal:
        yield lambda _, __: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
