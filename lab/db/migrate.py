"""Bring the database to the schema of this version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from lab.db.engine import connected
from lab.errors import LabError

_LOCK = 0x1AB  # one migration at a time on a shared PostgreSQL


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def migrate() -> None:
    """Create or upgrade the tables.

    Raises:
        LabError: the database cannot be reached, or was written by a newer version.
    """
    with connected(writing=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config = alembic_config(connection)
        script = ScriptDirectory.from_config(config)
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision == script.get_current_head():
            return
        if revision is not None and revision not in {known.revision for known in script.walk_revisions()}:
            raise LabError(f"the database has schema {revision} of a newer Persona Lab; use that version.")
        command.upgrade(config, "head")
