"""What lies among the artifacts and no row needs. Light to import.

The rule is one, whatever brought a folder there: a worker that crashed between two steps, an attempt that lost its
lease, a job that was deleted. Rows are written before folders and deleted before them, so folders are listed first:
what is listed and has no row then will never have one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlmodel import select

from lab.db.engine import reading_at_once
from lab.db.leftovers import JobFiles, job_files
from lab.db.tables import Dataset, State
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.places import Place

DATASETS = "datasets"  # what jobs read: a copy of each data set, named by its digest
KEPT = "data"  # what `lab data import` keeps by name: the user's own, never touched
CHATS = "chats"  # conversations that somebody saved, by study: the user's own too

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_DIGEST = re.compile(r"[0-9a-f]{16}")  # the beginning of one names a data set's folder

What = Literal["checkpoints", "attempts", "jobs", "folders", "data sets", "half-written"]


@dataclass(frozen=True, slots=True)
class Leftover:
    """A folder that may go, by its path in its place."""

    what: What
    folder: str
    job: int = 0


def leftovers(place: Place, gone: Collection[int] = (), datasets: Collection[str] = ()) -> Iterator[Leftover]:
    """Folders that no row needs; none of a job that runs.

    Args:
        place: where to look.
        gone: jobs to be seen as deleted already.
        datasets: digests of data sets to be seen so.
    """
    numbered, sets = _numbered(place, ""), [name for name in place.folders(DATASETS) if _DIGEST.fullmatch(name)]
    with reading_at_once() as session:
        rows = job_files(session)
        known = {row.folder for row in session.exec(select(Dataset)) if row.digest not in datasets}
    newest = max(rows, default=0)
    for number, folder in numbered:
        if number in gone:
            yield Leftover("jobs", folder, number)
        elif number in rows:
            yield from _of_job(place, number, rows[number])
        elif number <= newest:  # else it is of another database: ours has never given this number out
            yield Leftover("folders", folder, number)
    yield from (Leftover("data sets", f"{DATASETS}/{name}") for name in sets if f"{DATASETS}/{name}" not in known)
    for folder in ("", DATASETS, KEPT):
        yield from (Leftover("half-written", f"{folder}/{name}".lstrip("/")) for name in place.abandoned(folder))


def foreign(place: Place) -> list[str]:
    """Folders of jobs whose numbers this database has never given out."""
    numbered = _numbered(place, "")
    with reading_at_once() as session:
        newest = max(job_files(session), default=0)
    return [folder for number, folder in numbered if number > newest]


def _of_job(place: Place, number: int, row: JobFiles) -> Iterator[Leftover]:
    if row.state is State.RUNNING:
        return
    for attempt, folder in _numbered(place, str(number)):
        if attempt > row.attempt:
            continue  # claimed since the rows were read
        if row.state is State.SUCCEEDED and row.artifact == folder:
            if CHECKPOINT_FOLDER in place.folders(folder):
                yield Leftover("checkpoints", f"{folder}/{CHECKPOINT_FOLDER}", number)
        elif row.state is State.SUCCEEDED or not f"{row.checkpoint}/".startswith(f"{folder}/"):
            yield Leftover("attempts", folder, number)


def _numbered(place: Place, folder: str) -> list[tuple[int, str]]:
    """The folders in one whose names are numbers, in their order, by their paths."""
    names = [name for name in place.folders(folder) if _NUMBER.fullmatch(name)]
    return sorted((int(name), f"{folder}/{name}".lstrip("/")) for name in names)
