"""`lab doctor --deep`: everything that the lab keeps, checked against everything else that it keeps."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.cli.clean import watching
from lab.cli.plan import size_text
from lab.db.migrate import migrate
from lab.tasks.clean import Found, survey
from lab.tasks.deep import Checked, check_deeply


def examine() -> dict[str, Any]:
    """What was checked, what is wrong, and what may go, ready for JSON."""
    migrate()
    with watching("checking") as tell:
        checked = check_deeply(lambda done, total: tell(f"{done:,} of {total:,}"))
    with watching("looking for what may go") as tell:
        found = survey(tell=tell)
    kinds = {what: asdict(portion) for what, portion in found.portions.items() if portion.count}
    return {
        "ok": not checked.violations,
        "says": _summary(checked, found),
        "violations": checked.violations,
        "reclaimable": kinds,
        "left_alone": found.foreign,
    }


def _summary(checked: Checked, found: Found) -> str:
    number = len(checked.violations)
    faults = f"{number} violation{'s' if number != 1 else ''}" if number else "no violation"
    looked = f"{checked.jobs:,} jobs, {checked.artifacts:,} artifacts, {checked.data_sets:,} data sets"
    things = f"{found.count:,} thing{'s' if found.count != 1 else ''}, {size_text(found.bytes)}"
    spare = f"; `lab clean` would remove {things}" if found.count else ""
    return f"{faults} in {looked}{spare}"
