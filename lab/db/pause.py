"""A paused queue: a row that outlives whoever asked for it, and in whose sight nobody claims."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from lab.db.engine import reading, writing
from lab.db.tables import Pause


@dataclass(frozen=True, slots=True)
class Paused:
    """Who paused a queue, and when."""

    by: str
    at: datetime


def pause(queue: str, by: str) -> bool:
    """From now on nothing of this queue is claimed; jobs at hand go on. False if it was paused already."""
    try:
        with writing() as session:
            if session.get(Pause, queue) is not None:
                return False
            session.add(Pause(queue=queue, by=by))
            return True
    except IntegrityError:  # somebody else did at the same moment
        return False


def resume(queue: str) -> bool:
    """Jobs are claimed again; False if it was not paused."""
    with writing() as session:
        row = session.get(Pause, queue, with_for_update=True)
        if row is None:
            return False
        session.delete(row)
        return True


def paused(queue: str) -> Paused | None:
    """Who paused the queue; None: nobody, it goes on."""
    with reading() as session:
        row = session.get(Pause, queue)
        return None if row is None else Paused(row.by, row.at)
