"""One engine per process, and transactions that begin as writers on SQLite."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError
from sqlalchemy.exc import DatabaseError as DriverError
from sqlmodel import Session

from lab.errors import LabError
from lab.settings import load_settings

_PATIENCE_SECONDS = 10


def _patience() -> float:
    """No call waits longer for a locked or silent database, in seconds.

    A worker gives its job up when half a lease went by in silence: it has to notice well before the other half has.
    """
    return min(_PATIENCE_SECONDS, load_settings().lease_seconds / 3)


def _postgres() -> dict[str, Any]:
    """What libpq is told of a connection."""
    seconds, milliseconds = math.ceil(_patience()), round(1000 * _patience())
    return {
        "connect_timeout": seconds,
        "client_encoding": "utf8",  # else a server of SQL_ASCII gives bytes, before its encoding can be asked for
        # A server that vanished without a word is noticed by the kernel, not after its default of many minutes.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
        # A frozen client in the middle of a transaction loses its row locks.
        "options": f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds}",
    }


class RefusedError(LabError):
    """A statement that the database will not have."""


class DatabaseError(LabError):
    """The database cannot be reached or used just now."""


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _loads(text: str) -> Any:
    """The value; None for what is no JSON, which only another program can have written."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {round(1000 * _patience())}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        # A transaction that reads first and writes later can fail with "database is locked" whatever the
        # timeout; one that begins as a writer waits its turn instead.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def sqlite_url(file: Path) -> URL:
    """The URL of an SQLite file, also of one with ? or % in its path."""
    return URL.create("sqlite", database=str(file))


def make_engine(url: str | URL) -> Engine:
    """An engine for SQLite or PostgreSQL.

    Raises:
        LabError: the URL is not one.
    """
    mend = "write postgresql://user:password@host/name or leave it empty"
    try:
        driver = make_url(url).drivername
    except (ArgumentError, ValueError):  # whose texts quote the URL, and so perhaps its password
        raise LabError(f"database_url: this is not a URL; {mend}.") from None
    if driver == "sqlite":
        try:
            engine = create_engine(url, json_serializer=_dumps, json_deserializer=_loads)
        except ArgumentError:
            raise LabError(f"database_url: this is not the URL of an SQLite file; {mend}.") from None
        _prepare_sqlite(engine)
        return engine
    if driver != "postgresql+psycopg":
        raise LabError(f"database_url: {driver} is not supported; {mend}.")
    return create_engine(
        url,
        json_serializer=_dumps,
        json_deserializer=_loads,
        pool_pre_ping=True,
        connect_args=_postgres(),
    )


@lru_cache(maxsize=1)
def engine() -> Engine:
    """This process's engine for the database that the settings name."""
    settings = load_settings()
    if not settings.database_url:
        try:
            settings.artifacts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"artifacts: {settings.artifacts} cannot be made ({error}); choose another.") from None
    return make_engine(_url())


def _url() -> str | URL:
    settings = load_settings()
    return settings.database if settings.database_url else sqlite_url(settings.sqlite_file)


@contextmanager
def connected(*, writing: bool, snapshot: bool = False) -> Iterator[Connection]:
    """A transaction: committed at the end, rolled back on an exception.

    Args:
        writing: it begins as a writer.
        snapshot: all its statements see one moment, as they do on SQLite anyway.

    Raises:
        DatabaseError: the database does not answer, is locked for too long, or its disk is full.
        RefusedError: it answers, and will not have this statement; asking again would change nothing.
    """
    options: dict[str, Any] = {"writing": writing}
    if snapshot and engine().dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    try:
        with engine().connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except IntegrityError:
        raise  # a fault of ours, not of the database's
    except (DriverError, InterfaceError) as error:
        raise (_refused(error) if _is_refused(error) else _unusable(error)) from error


# Classes of SQLSTATE (PostgreSQL's documentation, appendix A) that say no to a statement, whenever it comes: feature
# not supported, cardinality, data, integrity, syntax or access, check option, program limit.
_NO = ("0A", "21", "22", "23", "42", "44", "54")


def _is_refused(error: DriverError | InterfaceError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return str(state).startswith(_NO) if state else isinstance(error.orig, sqlite3.DataError)


def _refused(error: DriverError | InterfaceError) -> RefusedError:
    reason = str(error.orig).strip().splitlines()[0]
    return RefusedError(f"the database refused what was to be written or read ({reason}).")


def _unusable(error: Exception) -> DatabaseError:
    """The one sentence for a database that does not work; never shows a password."""
    url = make_url(_url())
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    if url.get_backend_name() == "sqlite":
        shown, mend = f"sqlite:///{url.database}", "see that its folder can be written and has room"
    else:  # options may hold a password too
        shown, mend = url.set(query={}).render_as_string(hide_password=True), "start it"
    # The reason first: what does not fit into a line is then the end of a long path.
    return DatabaseError(f"database cannot be used ({reason}): {shown}; {mend}, or correct database_url.")


@contextmanager
def _session(*, writing: bool, snapshot: bool = False) -> Iterator[Session]:
    with (
        connected(writing=writing, snapshot=snapshot) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session
        session.flush()


def reading() -> AbstractContextManager[Session]:
    """`with reading() as session:` a read transaction."""
    return _session(writing=False)


def reading_at_once() -> AbstractContextManager[Session]:
    """A read transaction in which all statements see the database as of one moment, whoever writes meanwhile."""
    return _session(writing=False, snapshot=True)


def writing() -> AbstractContextManager[Session]:
    """`with writing() as session:` a write transaction, committed at the end, rolled back on an exception."""
    return _session(writing=True)
