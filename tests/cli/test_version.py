"""A program that is older than its database says so and touches nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from lab.cli.app import app
from lab.db.engine import connected
from lab.db.migrate import _revisions
from lab.errors import LabError
from lab.tasks.identity import VERSION


def _be(revision: str) -> None:
    """Let the database say that it has this schema."""
    with connected(writing=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_the_version_is_that_of_program_and_engine():
    assert CliRunner().invoke(app, ["--version"]).output == f"Persona Lab {VERSION}\n"


@pytest.mark.parametrize("words", ["status", "jobs", "workers", "drain", "up", "run --data nowhere", "retry 1"])
def test_every_verb_of_an_older_program_is_one_sentence(database: str, words: str):
    _be("9999")
    try:
        done = CliRunner().invoke(app, words.split())
    finally:
        _be(_revisions()[-1])  # the tables are other tests' too
    assert isinstance(done.exception, LabError), done.output
    assert str(done.exception) == "the database has schema 9999 of a newer Persona Lab; use that version."
