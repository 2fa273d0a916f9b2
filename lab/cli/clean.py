"""`lab clean`: what may go and how much that is, then a question, then it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from lab.cli.output import console, print_json, table
from lab.cli.plan import size_text
from lab.db.migrate import migrate
from lab.db.queries import list_workers
from lab.db.vacuum import Vacuumed, vacuum
from lab.errors import LabError
from lab.tasks.clean import ABOUT, Found, survey
from lab.tasks.clean import clean as clean_up


def clean(
    study: Annotated[
        str | None, typer.Option("--study", help="Give this study up, with all that only it needs.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; without --yes, only what would go.")] = False,
) -> None:
    """Remove what nobody needs any more: show it, ask, remove it, and compact the database."""
    migrate()
    with watching("looking") as tell:
        found = survey(study, tell)
    if not json:
        _print(found, study)
    if not yes and (json or not _asked(found, study)):
        if json:
            print_json({"removed": False} | as_json(found))
        return
    with watching("removing") as tell:
        gone = clean_up(study, tell)
    vacuumed = _vacuumed()
    if json:
        print_json({"removed": True} | as_json(gone) | {"database": vacuumed})
    else:
        if found.count or gone.count:
            console.print(f"removed {gone.count:,} thing{'s' if gone.count != 1 else ''}, {size_text(gone.bytes)}")
        console.print(_vacuum_text(vacuumed))


def as_json(found: Found) -> dict[str, Any]:
    """Every kind, and the sum."""
    kinds = {what: asdict(portion) for what, portion in found.portions.items()}
    return {"kinds": kinds, "count": found.count, "bytes": found.bytes, "left_alone": found.foreign}


@contextmanager
def watching(what: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that says how far it is, where somebody looks."""
    error = Console(stderr=True, highlight=False, markup=False)
    if not error.is_terminal:
        yield lambda _: None
        return
    with error.status(what) as status:
        yield lambda at: status.update(f"{what}: {at}")


def _asked(found: Found, study: str | None) -> bool:
    """Whether somebody said that it may go."""
    if not found.count and study is None:
        return True  # only the database is compacted
    if not sys.stdin.isatty():
        console.print("nothing was removed; with --yes it goes.")
        return False
    return typer.confirm("Remove all this?")


def _print(found: Found, study: str | None) -> None:
    rows = [
        (what, f"{portion.count:,}", size_text(portion.bytes) if portion.bytes else "", ABOUT[what])
        for what, portion in found.portions.items()
        if portion.count or portion.bytes
    ]
    if rows:
        total = ("all", f"{found.count:,}", size_text(found.bytes), "")
        console.print(table(("what", "number", "size", "these are"), [*rows, total], right=("number", "size")))
    elif study is None:
        console.print("nothing to remove.")
    if study is not None:
        console.print(f"this gives study {study} up; jobs that run are asked to stop, and go with the next clean.")
    if found.foreign:
        console.print(
            f"left alone: {len(found.foreign)} folder(s) of jobs that this database has never had, such as "
            f"{found.foreign[0]}/; see whether database_url and artifacts belong together."
        )


def _vacuumed() -> dict[str, Any]:
    """Sizes of the database, or why it was not compacted."""
    try:
        return asdict(vacuum(beside_workers=bool(list_workers())))
    except LabError as error:
        return {"error": str(error)}


def _vacuum_text(said: dict[str, Any]) -> str:
    if "error" in said:
        return str(said["error"])
    sizes = Vacuumed(**said)
    return f"database: {size_text(sizes.before)} before, {size_text(sizes.after)} now"
