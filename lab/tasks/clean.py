"""Housekeeping: what may go, how much that is, and how it goes. Light to import.

Rows go first, in short transactions that look again whether anybody needs them by now; then whatever folder no row
needs. So a crash in between leaves folders without rows, which the next time takes, and never a row that names
what is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from lab.db import leftovers as rows
from lab.db.leftovers import Unneeded
from lab.settings import load_settings
from lab.tasks.leftovers import foreign, leftovers
from lab.tasks.owner import check_owner
from lab.tasks.places import Place, places

ABOUT = {
    "jobs": "jobs that no study names, with their artifacts, curves, logs and scores",
    "checkpoints": "checkpoints of jobs that have succeeded",
    "attempts": "attempts that never committed and that no job goes on from",
    "folders": "artifacts of jobs that are gone",
    "data sets": "copies of data sets that no study uses",
    "answers": "chat answers that are old (keep_days)",
    "workers": "rows of workers that are long gone (keep_days)",
    "half-written": "folders that somebody began to write and never finished",
}
Tell = Callable[[str], None]


@dataclass
class Portion:
    """So many things of a kind, and the bytes of their files."""

    count: int = 0
    bytes: int = 0


@dataclass
class Found:
    """What may go or went, by the kinds of `ABOUT`."""

    portions: dict[str, Portion] = field(default_factory=lambda: {what: Portion() for what in ABOUT})
    foreign: list[str] = field(default_factory=list)  # folders of jobs of another database, which stay

    @property
    def count(self) -> int:
        """How many things."""
        return sum(portion.count for portion in self.portions.values())

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(portion.bytes for portion in self.portions.values())

    def add_rows(self, gone: Unneeded) -> None:
        """Count rows. The folder of a job comes on top, by its bytes only."""
        self.portions["jobs"].count += len(gone.jobs - gone.answers)
        self.portions["answers"].count += len(gone.answers)
        self.portions["workers"].count += len(gone.workers)
        self.portions["data sets"].count += len(gone.datasets)

    def add_folder(self, what: str, size: int, *, counted: bool) -> None:
        """Count a folder; one whose row is `counted` already, by its bytes."""
        self.portions[what].count += not counted
        self.portions[what].bytes += size


def survey(without: str | None = None, tell: Tell = lambda _: None) -> Found:
    """What may go; nothing goes. `without` names a study to be seen as given up.

    Raises:
        LabError: that study is not there, or another one extends it; or the artifacts are another database's.
    """
    check_owner()
    if without is not None:
        rows.check_study(without)
    tell("rows")
    found, gone = Found(), rows.unneeded(_keep(), without)
    found.add_rows(gone)
    for place in places():
        found.foreign += foreign(place)
        for one in leftovers(place, gone.jobs, gone.datasets):
            tell(one.folder)
            counted = one.what == "jobs" or one.folder in gone.datasets.values()
            found.add_folder(one.what, place.size(one.folder), counted=counted)
    return found


def clean(without: str | None = None, tell: Tell = lambda _: None) -> Found:
    """Let it go; `without` names a study to give up before.

    Returns:
        what went, by the time it went.

    Raises:
        LabError: something cannot be removed; what went before stays gone, and the next time goes on from there. Or the
            artifacts are another database's.
    """
    check_owner()
    if without is not None:
        rows.delete_study(without)
    found, where = Found(), places()
    gone = rows.delete_jobs(_keep(), lambda number: tell(f"{number} jobs"))
    found.add_rows(gone)
    for digest, folder in rows.unneeded(_keep()).datasets.items():
        size = sum(place.size(folder) for place in where)
        if _remove_data_set(digest, where):
            found.add_folder("data sets", size, counted=False)
    for place in where:
        for one in leftovers(place):
            tell(one.folder)
            size = place.size(one.folder)
            place.remove(one.folder)
            ours = one.job in gone.jobs
            found.add_folder("jobs" if ours else one.what, size, counted=ours)
    return found


def _remove_data_set(digest: str, where: list[Place]) -> bool:
    """Take its folder out of use while its row goes: whoever brings the data in again writes it anew."""
    hidden: list[tuple[Place, str]] = []

    def put_away(folder: str) -> None:
        hidden.extend((place, place.hide(folder)) for place in where)

    gone = rows.delete_dataset(digest, put_away)
    for place, folder in hidden:
        place.remove(folder)
    return gone


def _keep() -> timedelta:
    return timedelta(days=load_settings().keep_days)
