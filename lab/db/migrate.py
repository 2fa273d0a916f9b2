"""Bring the database to the schema of this version."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from lab.db.engine import connected
from lab.db.queries import list_workers
from lab.db.workers import first_to_beat
from lab.errors import LabError
from lab.settings import load_settings

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x1AB  # one migration at a time on a shared PostgreSQL
_FOLDER = Path(__file__).parent / "migrations"


@lru_cache(maxsize=1)
def _revisions() -> tuple[str, ...]:
    """Every revision this version knows, oldest first: the numbers that the files begin with."""
    return tuple(sorted(file.name.split("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*_*.py")))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def migrate() -> None:
    """Create or upgrade the tables.

    Raises:
        LabError: the database cannot be reached, was written by a newer version, or has workers of an older one.
    """
    with connected(writing=False) as connection:
        if connection.dialect.name == "postgresql":
            _check_encoding(connection)
        revision = _revision(connection)
    if revision == _revisions()[-1]:
        return  # as nearly always: without a write lock, and without importing alembic
    if revision in _revisions():
        _check_nobody_works()
    from alembic import command

    with connected(writing=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        revision = _revision(connection)
        if revision is not None and revision not in _revisions():
            raise LabError(f"the database has schema {revision} of a newer Persona Lab; use that version.")
        command.upgrade(alembic_config(connection), "head")


def _check_encoding(connection: Connection) -> None:
    """Refuse a database that cannot hold every text: a job would fail when its scores are written, after all its work.

    Raises:
        LabError: says how to make another.
    """
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise LabError(
            f"the database's encoding is {encoding}, which cannot hold every text; make one with CREATE DATABASE lab "
            "ENCODING 'UTF8' TEMPLATE template0, and name that in database_url."
        )


def _check_nobody_works() -> None:
    """Change no tables under a worker that knows them as they were.

    Raises:
        LabError: says which worker that is.
    """
    versions = {worker.id: worker.version for worker in list_workers()}
    alive = first_to_beat(list(versions), load_settings().lease_seconds)
    if alive is not None:
        raise LabError(
            f"worker {alive} of version {versions[alive]} works with this database, which this version would upgrade; "
            "stop all workers first, `lab drain` there does it after their jobs."
        )
