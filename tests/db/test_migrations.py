"""The schema of the database is that of the program."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from planned import planned, state, submit
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from lab.db.engine import connected
from lab.db.migrate import alembic_config, migrate
from lab.errors import LabError


def test_upgrading_an_empty_database_gives_the_tables_of_the_program(database):
    with connected(writing=True) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_one_key_one_job_is_kept_by_the_database_itself(database):
    with connected(writing=False) as connection:
        (index,) = [index for index in inspect(connection).get_indexes("job") if index["name"] == "job_key"]
    assert index["unique"]


def test_migrating_again_changes_nothing(database):
    (a,) = submit(planned("a"))
    migrate()
    assert state(a) == "READY"


def test_downgrading_and_upgrading_again_gives_the_same(database):
    with connected(writing=True) as connection:
        command.downgrade(alembic_config(connection), "base")
    with connected(writing=False) as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    migrate()
    assert submit(planned("a")) == [1]


def test_a_database_of_a_newer_program_is_refused_and_left_alone(database):
    (a,) = submit(planned("a"))
    with connected(writing=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LabError, match="schema 9999 of a newer Persona Lab; use that version"):
        migrate()
    assert state(a) == "READY"


def test_many_processes_may_open_a_new_lab_at_once(lab_home):
    for file in lab_home.glob("lab.db*"):
        file.unlink()
    start = "import sys; from lab.db.migrate import migrate; sys.stdin.readline(); migrate()"
    starts = [subprocess.Popen([sys.executable, "-c", start], stdin=-1, stderr=-1, text=True) for _ in range(3)]
    assert [process.communicate("go\n", timeout=60)[1] for process in starts] == ["", "", ""]
    migrate()
    assert submit(planned("a")) == [1]
