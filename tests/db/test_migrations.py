"""The schema of the database is that of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from planned import own_lab, planned, state, submit
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from lab.db.engine import connected
from lab.db.migrate import _revisions, alembic_config, migrate
from lab.errors import LabError


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """A database that nobody has seen before, upgraded from empty."""
    variables = {}
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("postgres")
        variables["LAB_DATABASE_URL"] = create()
    with own_lab(tmp_path, **variables):
        migrate()
        yield


def test_the_newest_file_is_the_head_of_the_migrations(new_database):
    with connected(writing=False) as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
    assert [each.revision for each in script.walk_revisions()][::-1] == list(_revisions())


def test_upgrading_an_empty_database_gives_the_tables_of_the_program(new_database):
    with connected(writing=True) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_one_key_one_job_is_kept_by_the_database_itself(new_database):
    with connected(writing=False) as connection:
        (index,) = [index for index in inspect(connection).get_indexes("job") if index["name"] == "job_key"]
    assert index["unique"]


def test_migrating_again_changes_nothing(new_database):
    (a,) = submit(planned("a"))
    migrate()
    assert state(a) == "READY"


def test_downgrading_and_upgrading_again_gives_the_same(new_database):
    with connected(writing=True) as connection:
        command.downgrade(alembic_config(connection), "base")
    with connected(writing=False) as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    migrate()
    assert submit(planned("a")) == [1]


def test_a_database_of_a_newer_program_is_refused_and_left_alone(new_database):
    (a,) = submit(planned("a"))
    with connected(writing=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LabError, match="schema 9999 of a newer Persona Lab; use that version"):
        migrate()
    assert state(a) == "READY"


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres: Callable[[], str], tmp_path: Path, encoding: str
) -> None:
    """Scores of a persona with another alphabet failed when they were written, after all the work."""
    url = make_url(postgres())
    name = f"narrow_{encoding.lower()}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    engine.dispose()
    narrow = url.set(database=name).render_as_string(hide_password=False)
    says = f"the database's encoding is {encoding}, which cannot hold every text; make one with CREATE DATABASE"
    with own_lab(tmp_path, LAB_DATABASE_URL=narrow), pytest.raises(LabError, match=says):
        migrate()
