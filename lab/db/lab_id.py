"""The id of this database, by which the artifacts that belong to it are known."""

from __future__ import annotations

import uuid

from sqlmodel import Session, select

from lab.db.engine import reading, writing
from lab.db.studies import one_at_a_time
from lab.db.tables import LabId


def lab_id() -> str:
    """That of the database in force; one that has none yet gets one."""
    with reading() as session:
        found = lab_id_in(session)
    if found:
        return found
    with writing() as session:
        one_at_a_time(session)
        found = lab_id_in(session)
        if not found:
            found = uuid.uuid4().hex
            session.add(LabId(value=found))
        return found


def lab_id_in(session: Session) -> str:
    """That of a session's database; "" if it has none yet."""
    return session.exec(select(LabId.value)).first() or ""
