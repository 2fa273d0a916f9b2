"""`lab report`: a study as a page, Markdown, figures and data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.output import console, print_json
from lab.db.queries import get_study
from lab.db.scores import evaluated_splits
from lab.errors import LabError
from lab.paths import inside


def report(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; reports/STUDY if left out.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test; a report on test is a look that counts.")] = "test",
    json: Annotated[bool, typer.Option("--json", help="Print what was written, with digests, as JSON.")] = False,
) -> None:
    """Write a study's report: a page to open or print, Markdown, figures, and every number as data."""
    from lab.db.migrate import migrate
    from lab.report.document.make import make_report

    migrate()
    row = get_study(study)
    known = evaluated_splits(row.id)
    if split not in known:
        has = f"it has {', '.join(known)}" if known else "it has none yet"
        raise LabError(f"study '{row.name}' has no split '{split}'; {has}.")
    folder = out if out is not None else inside(Path("reports"), row.name)
    with console.status("reading") as status:
        made = make_report(row, split, folder, say=status.update)
    if json:
        print_json(
            {
                "study": row.name,
                "split": split,
                "folder": str(folder),
                "page": str(made.page),
                "files": made.files,
                "summary": made.summary,
                "missing": made.missing,
                "faults": made.faults,
            }
        )
        return
    for line in (*made.missing, *made.faults):
        console.print(line, style="bold", soft_wrap=True)
    for line in made.summary:
        console.print(f"- {line}", soft_wrap=True)
    console.print(f"open {made.page}; Markdown, figures, scores and data.json lie beside it", soft_wrap=True)
