"""`lab export`: a persona's recipe for stock tools; the weights are written by a process of its own."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from lab.cli.output import console, first_of, print_json
from lab.data.store import NAME
from lab.db.migrate import migrate
from lab.db.queries import MethodBook, StudyRow, books, get_study, manifest_of, study_names
from lab.errors import LabError
from lab.methods.recipe import Recipe, read_book
from lab.safe import safe
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.tasks.exported import FILES, Order

_SHOWN = 80  # characters of a path in a sentence


def export(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    persona: Annotated[str | None, typer.Argument(help="Persona id; left out with --all.")] = None,
    *,
    method: Annotated[str, typer.Option(help="Whose recipe.")],
    to: Annotated[Path, typer.Option(help="Folder to write.")],
    everyone: Annotated[bool, typer.Option("--all", help="All personas, each into a folder of its own.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="In place of an earlier export there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a persona's recipe as PEFT adapters and prompt text, with the code that loads them."""
    if (persona is None) != everyone:
        raise LabError("lab export: name one persona, or say --all for each of them.")
    migrate()
    row = _study(study)
    book = _book(row, method)
    recipes = read_book(artifacts().fetched(book.artifact, manifest_of(book.artifact)))
    wanted = list(recipes) if persona is None else [_known("persona", persona, recipes, row)]
    for one in wanted:
        _check(method, recipes[one])
    to = place_of(to)
    _check_folder(to, replace)
    folders = _folders(wanted) if everyone else {wanted[0]: ""}
    _write(row, book, folders, to)
    if json:
        print_json({"study": row.name, "method": method, "personas": {p: str(to / f) for p, f in folders.items()}})
        return
    what = f"{f'{len(wanted)} personas' if everyone else wanted[0]} under {method}{book.of_seeds(row)}"
    console.print(safe(f"{what}: {to}, with a README.md that says how to load it"), soft_wrap=True)


def _study(name: str) -> StudyRow:
    known = study_names()
    if name not in known:
        raise LabError(f"there is no study '{name}'; {_hint(name, known, 'there are')}")
    return get_study(name)


def _book(study: StudyRow, method: str) -> MethodBook:
    ready = {book.method: book for book in books(study.id)}
    if method not in ready and method in study.spec["methods"]:
        raise LabError(f"study '{study.name}' has no recipe for method '{method}' yet; `lab jobs` says how far it is.")
    return ready[_known("method", method, ready, study)]


def _known(what: str, wanted: str, known: Iterable[str], study: StudyRow) -> str:
    names = list(known)
    if wanted not in names:
        raise LabError(f"study '{study.name}' has no {what} '{wanted}'; {_hint(wanted, names, 'it has')}")
    return wanted


def _hint(wanted: str, known: Sequence[str], lead: str) -> str:
    near = difflib.get_close_matches(wanted, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"{lead}: {first_of(known) or 'none yet'}."


def _check(method: str, recipe: Recipe) -> None:
    """Refuse what no PEFT adapter can do."""
    if recipe.endpoint:
        raise LabError(f"method '{method}' is served by {recipe.endpoint['url']}: there are no weights to export.")
    if recipe.gated:
        of = recipe.gated.experts[0].name.partition("/")[0]
        raise LabError(
            f"method '{method}' weighs {len(recipe.gated.experts)} adapters anew for each dialogue, which no single "
            f"PEFT adapter can do; export the method that trained them, '{of}', instead."
        )


def place_of(to: Path) -> Path:
    """Where that is, as far as the disk can say."""
    try:
        found = to.expanduser().resolve()
        found.exists()
    except (OSError, RuntimeError) as error:  # a link to itself, a name too long
        why = getattr(error, "strerror", None) or error
        raise LabError(f"{str(to)[:_SHOWN]}: no folder can be there ({str(why)[:_SHOWN]}); choose another.") from None
    return found


def _check_folder(to: Path, replace: bool) -> None:
    """Refuse to overwrite anything but an earlier export."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not replace:
        raise LabError(f"{to} is there already; choose another folder, or --replace an earlier export.")
    if not _is_export(to):
        raise LabError(f"{to} holds something else than an export; choose another folder.")


def _is_export(folder: Path) -> bool:
    """Whether all that lies there was written by an export, of one persona or of several."""

    def of_one(folder: Path) -> bool:
        return folder.is_dir() and {path.name for path in folder.iterdir()} <= FILES

    return of_one(folder) or (folder.is_dir() and all(map(of_one, folder.iterdir())))


def _folders(personas: Sequence[str]) -> dict[str, str]:
    """A folder's name for each persona: its id, where that may be one and no other differs from it by case alone."""
    seen = Counter(persona.casefold() for persona in personas)
    return {
        persona: persona if NAME.fullmatch(persona) and seen[persona.casefold()] == 1 else f"_{number:04d}"
        for number, persona in enumerate(personas)
    }


def _write(study: StudyRow, book: MethodBook, folders: dict[str, str], to: Path) -> None:
    settings = load_settings()
    root, cache = str(settings.artifacts), str(settings.cache)
    order = Order(root, cache, book.artifact, study.name, book.method, folders, str(to))
    command = [sys.executable, "-W", "ignore::FutureWarning", "-m", "lab.tasks.export"]
    code = subprocess.run(command, input=orjson.dumps(order), check=False).returncode
    if code:
        raise typer.Exit(code)
