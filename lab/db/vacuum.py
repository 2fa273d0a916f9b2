"""Give the room of deleted rows back to the disk, beside workers that go on writing."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from lab.db.engine import connected, engine
from lab.errors import LabError
from lab.settings import load_settings

_BESIDE_WORKERS = 5.0  # seconds at most, and a sixth of a lease
_LOCK_SECONDS = 2.0  # for a writer, or the readers of old pages, to end
_STEPS = 10_000  # of SQLite's virtual machine, between two looks at the clock


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """Bytes of the database."""

    before: int
    after: int


def size() -> int:
    """Bytes of the database on its disk."""
    if engine().dialect.name == "sqlite":
        file = Path(engine().url.database or "")
        return sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())
    with connected(writing=False) as connection:
        found: int = connection.exec_driver_sql(
            "SELECT sum(pg_total_relation_size(quote_ident(tablename)::regclass)) FROM pg_tables "
            "WHERE schemaname = current_schema() AND tablename = ANY(%s)",
            (list(SQLModel.metadata.tables),),
        ).scalar_one()
    return int(found)


def vacuum(*, beside_workers: bool) -> Vacuumed:
    """Compact the database; `beside_workers`, for no longer than they have patience.

    Raises:
        LabError: it is in use, too large to be compacted beside workers, or the disk is full.
    """
    before = size()
    try:
        if engine().dialect.name == "sqlite":
            # SQLite has one writer, and now that is us: workers wait for it up to 10 s, or a third of a lease.
            _sqlite(min(_BESIDE_WORKERS, load_settings().lease_seconds / 6) if beside_workers else None)
        else:
            _postgres()
    except (sqlite3.Error, DBAPIError) as error:
        raise _sentence(error) from None
    return Vacuumed(before, size())


def _sqlite(limit: float | None) -> None:
    raw = engine().raw_connection()
    try:
        connection: Any = raw.driver_connection
        connection.execute(f"PRAGMA busy_timeout = {_LOCK_SECONDS * 1000:.0f}")
        if limit is not None:
            deadline = time.monotonic() + limit
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        connection.execute("VACUUM")
        connection.set_progress_handler(None, 0)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a reader of old pages keeps the log for now
    finally:
        raw.invalidate()  # with the patience and the clock of ours


def _postgres() -> None:
    """PostgreSQL lets everybody read and write meanwhile."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in SQLModel.metadata.tables:
            connection.exec_driver_sql(f'VACUUM (ANALYZE) "{table}"')


def _sentence(error: Exception) -> LabError:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    mend = "try again later, or after `lab down`"
    if "interrupted" in reason:
        reason, mend = "it is too large to be compacted while workers write to it", "do it after `lab down`"
    elif "full" in reason:
        mend = "for a moment it needs its own size once more: make room on its disk"
    return LabError(f"the database was not compacted ({reason}); {mend}.")
