"""Rows as lines of JSON, of which any of the lab's databases can be made: SQLite or PostgreSQL, this schema or a newer.

Each table is a file: a line with the names of its columns, then a line of values for each row. Old rows are put into
an SQLite file of their own schema, brought up by the migrations that a lab in use would run, and copied from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, DateTime, Engine, MetaData, Table, insert, inspect, select, text
from sqlmodel import SQLModel

from lab.db.engine import make_engine, sqlite_url
from lab.db.migrate import alembic_config
from lab.errors import LabError

SUFFIX = ".jsonl"
_LEFT_OUT = ("worker",)  # they are where they are
_LEFT_OUT_BY = {  # the column that names a job, or a data set
    "dataset": "digest",
    "job": "id",
    "jobparent": "child",
    "runmetric": "job",
    "joblog": "job",
    "score": "job",
    "chatreply": "job",
}
_AT_ONCE = 1000  # rows


def _tables() -> list[Table]:
    """Those whose rows others name first."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in _LEFT_OUT]


# ---------------------------------------------------------------- from the database


def dump(connection: Connection, folder: Path, without: Collection[int | str]) -> int:
    """Write every table to `folder`, without the rows of some jobs and data sets; returns how many rows.

    Args:
        connection: within one transaction.
        folder: is there, and empty.
        without: ids of jobs, and digests of data sets.
    """
    number = 0
    for table in _tables():
        with (folder / f"{table.name}{SUFFIX}").open("wb") as file:
            file.write(orjson.dumps(table.columns.keys()) + b"\n")
            for row in _rows(connection, table, set(without)):
                file.write(orjson.dumps([_plain(value) for value in row]) + b"\n")
                number += 1
    return number


def _rows(connection: Connection, table: Table, without: set[int | str]) -> Iterator[Sequence[Any]]:
    column = _LEFT_OUT_BY.get(table.name)
    place = table.columns.keys().index(column) if column else None
    for row in connection.execute(select(table), execution_options={"yield_per": _AT_ONCE}):
        if place is None or row[place] not in without:
            yield row


def _plain(value: Any) -> Any:
    """As JSON has it; moments as SQLite keeps them, in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def head(connection: Connection) -> str:
    """The revision of this version's schema."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(alembic_config(connection)).get_current_head() or ""


# ---------------------------------------------------------------- into another


def load(folder: Path, revision: str, scratch: Path) -> Engine:
    """An SQLite file `scratch` of the rows in `folder`, which are of this revision, in the schema of this version.

    Raises:
        LabError: they were written by a newer version, or are not what they should be.
    """
    engine = make_engine(sqlite_url(scratch))
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        _upgrade(connection, revision)
        schema = MetaData()
        schema.reflect(connection)
        for table in schema.sorted_tables:
            _insert(connection, table, folder / f"{table.name}{SUFFIX}")
        _upgrade(connection, "head")
    return engine


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), revision)
    except CommandError:
        raise LabError(f"it has schema {revision} of a newer Persona Lab; use that version.") from None


def _insert(connection: Connection, table: Table, file: Path) -> None:
    if not file.exists():
        return
    with file.open("rb") as lines:
        names = orjson.loads(next(lines))
        if unknown := [name for name in names if name not in table.columns]:
            raise LabError(f"its table {table.name} has a column {unknown[0]!r}, which its schema does not have.")
        columns = ", ".join(f'"{name}"' for name in names)
        into = f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join("?" * len(names))})'
        readers = [_moment if isinstance(table.columns[name].type, DateTime) else _stored for name in names]
        rows = (tuple(read(value) for read, value in zip(readers, orjson.loads(line), strict=True)) for line in lines)
        while some := list(islice(rows, _AT_ONCE)):
            connection.exec_driver_sql(into, some)


def _stored(value: Any) -> Any:
    """As SQLite has it."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _moment(value: Any) -> Any:
    """The value, which has to be one: a lab in use reads what is none as the first there was, a backup is refused."""
    if value is not None:
        datetime.fromisoformat(value)
    return value


def copy(source: Engine, connection: Connection) -> None:
    """Insert all rows of `source`, of this version's schema, into an empty database."""
    with source.connect() as old:
        for table in _tables():
            found = old.execute(select(table), execution_options={"yield_per": _AT_ONCE})
            for some in found.mappings().partitions(_AT_ONCE):
                connection.execute(insert(table), [dict(row) for row in some])
    if connection.dialect.name == "postgresql":
        _continue_numbering(connection)


def _continue_numbering(connection: Connection) -> None:
    """PostgreSQL counts by itself, whatever rows there are."""
    for table in _tables():
        if inspect(connection).get_columns(table.name)[0]["name"] == "id":
            last = f"setval(pg_get_serial_sequence('{table.name}', 'id'), max(id))"
            connection.execute(text(f"SELECT {last} FROM {table.name} HAVING max(id) IS NOT NULL"))
