"""Whose artifacts these are: one database's, for every database numbers its jobs from 1. Light to import.

A file in the artifacts folder, and one in the store, holds the id of that database.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import select

from lab.db.engine import reading
from lab.db.lab_id import lab_id
from lab.db.tables import Job
from lab.errors import LabError
from lab.tasks.places import OWNER, Place, places


def check_owner() -> None:
    """Refuse to write where another database's artifacts lie; a place that is nobody's is this one's from now on.

    What has folders of jobs and no owner is of a time before there were owners: whoever has jobs gets it.

    Raises:
        LabError: says which place that is, and how to mend it.
    """
    own = lab_id()
    check_owned((own,))
    with reading() as session:
        empty = session.exec(select(Job.id).limit(1)).first() is None
    for place in places():
        if place.owner() == own:
            continue
        if empty and any(name.isdecimal() for name in place.folders("")):
            raise LabError(
                f"{place.shown} has folders of jobs, but the database has no job: they are another database's; "
                "correct database_url, or choose another artifacts and artifacts_url."
            )
        place.give_to(own)


def check_owned(by: Collection[str]) -> None:
    """Refuse places that are neither of one of these databases nor nobody's.

    Raises:
        LabError: says which place that is, and how to mend it.
    """
    for place in places():
        if place.owner() not in ("", *by):
            raise _foreign(place)


def give_places_to(lab: str) -> None:
    """From now on they are those of the database with this id."""
    for place in places():
        place.give_to(lab)


def _foreign(place: Place) -> LabError:
    return LabError(
        f"{place.shown} belongs to another database; correct database_url or choose another place (artifacts, "
        f"artifacts_url), or, if that database is gone for good, empty this one and remove {OWNER} there."
    )
