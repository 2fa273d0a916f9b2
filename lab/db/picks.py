"""What people picked in blind rounds of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from lab.db.engine import reading, writing
from lab.db.queries import StudyRow
from lab.db.tables import Pick
from lab.errors import LabError


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer of a blind round: whose, and the digests of all weights that gave it, the base model's first."""

    method: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PickRow:
    """One blind round that was judged."""

    id: int
    persona_id: str
    shown: tuple[Shown, ...]  # from left to right
    picked: str  # method; "" is a tie
    at: datetime


def add_pick(study: StudyRow, persona_id: str, round_id: str, shown: Sequence[Shown], picked: str) -> bool:
    """Keep what was picked in a round; False if that round was judged before, which stays as it was.

    Args:
        study: whose methods answered.
        persona_id: under whose recipes.
        round_id: a name of the round that no other has.
        shown: the answers, from left to right.
        picked: the method of the better answer; "" for a tie.

    Raises:
        LabError: fewer than two answers, or the picked method was not among them.
    """
    methods = [one.method for one in shown]
    if len(set(methods)) < 2 or len(set(methods)) < len(methods):
        raise LabError("a blind round has the answers of two methods or more; choose another method beside this one.")
    if picked and picked not in methods:
        raise LabError(f"'{picked}' did not answer in this round; pick one of {', '.join(methods)}.")
    answers = [{"method": one.method, "digests": list(one.digests)} for one in shown]
    row = Pick(
        study=study.name,
        dataset=study.dataset,
        persona_id=persona_id,
        round=round_id,
        shown={"answers": answers},
        picked=picked,
    )
    try:
        with writing() as session:
            session.add(row)
    except IntegrityError:  # the round's name is there already
        return False
    return True


def picks(study: str) -> list[PickRow]:
    """All rounds of a study that were judged, oldest first; rows that hold no round are left out."""
    with reading() as session:
        rows = session.exec(select(Pick).where(Pick.study == study).order_by(col(Pick.id)))
        found = [PickRow(row.id or 0, row.persona_id, _shown(row.shown), row.picked, row.at) for row in rows]
    return [row for row in found if len(row.shown) > 1]


def _shown(kept: dict[str, Any]) -> tuple[Shown, ...]:
    answers = kept.get("answers")
    if not isinstance(answers, list):
        return ()
    return tuple(
        Shown(str(one.get("method")), tuple(map(str, one.get("digests") or ())))
        for one in answers
        if isinstance(one, dict)
    )
