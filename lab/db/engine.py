"""One engine per process, and transactions that begin as writers on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from lab.errors import LabError
from lab.settings import load_settings

_BUSY_MILLISECONDS = 30_000


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
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


def make_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL.

    Raises:
        LabError: the URL is not one.
    """
    try:
        backend = make_url(url).get_backend_name()
        if backend == "sqlite":
            engine = create_engine(url, json_serializer=_dumps, json_deserializer=orjson.loads)
            _prepare_sqlite(engine)
            return engine
        return create_engine(
            url,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    except (ArgumentError, NoSuchModuleError) as error:
        raise LabError(
            f"database_url: {error}; write postgresql://user:password@host/name or leave it empty."
        ) from None


@lru_cache(maxsize=1)
def engine() -> Engine:
    """This process's engine for the database that the settings name."""
    settings = load_settings()
    if not settings.database_url:
        settings.artifacts.mkdir(parents=True, exist_ok=True)
    return make_engine(settings.database)


@contextmanager
def _session(*, writing: bool) -> Iterator[Session]:
    bound = engine()
    try:
        with (
            bound.connect().execution_options(writing=writing) as connection,
            connection.begin(),
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()
    except OperationalError as error:
        if not error.connection_invalidated and error.statement:
            raise
        raise unreachable(error) from error


def unreachable(error: Exception) -> LabError:
    """The one sentence for a database that does not answer; never shows a password."""
    url = make_url(load_settings().database).render_as_string(hide_password=True)
    reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
    return LabError(f"database {url} cannot be used ({reason}); start it, or correct database_url in settings.toml.")


def reading() -> AbstractContextManager[Session]:
    """`with reading() as session:` a read transaction."""
    return _session(writing=False)


def writing() -> AbstractContextManager[Session]:
    """`with writing() as session:` a write transaction, committed at the end, rolled back on an exception."""
    return _session(writing=True)
