"""A database that cannot be used says so in one sentence."""

from __future__ import annotations

import sqlite3
import time

import pytest
from planned import forget_settings, own_lab, planned, submit

from lab.db import engine as engines
from lab.db.engine import DatabaseError, RefusedError, connected, engine, make_engine, reading, writing
from lab.db.migrate import migrate
from lab.errors import LabError


def use(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Another database from here on."""
    for key, value in settings.items():
        monkeypatch.setenv(f"LAB_{key.upper()}", value)
    forget_settings()


def test_an_unreachable_postgres_is_one_sentence_without_the_password(lab_home, monkeypatch):
    use(monkeypatch, database_url="postgresql://ada:s3cret@127.0.0.1:1/lab")
    for attempt in (migrate, lambda: reading().__enter__(), lambda: writing().__enter__()):
        with pytest.raises(DatabaseError) as caught:
            attempt()
        said = str(caught.value)
        assert said.startswith("database cannot be used (")
        assert "): postgresql+psycopg://ada:***@127.0.0.1:1/lab; start it" in said
        assert said.endswith("; start it, or correct database_url.")
        assert "s3cret" not in said
        assert "\n" not in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "database_url: this is not a URL"),
        ("sqlite://[", "database_url: this is not the URL of an SQLite file"),
        ("mysql://host/lab", "database_url: mysql is not supported"),
        ("postgresql+pigeon://host/lab", r"database_url: postgresql\+pigeon is not supported"),
    ],
)
def test_a_url_of_something_else_is_refused(url, says):
    with pytest.raises(LabError, match=f"{says}.*; write postgresql://user:password@host/name or leave it empty"):
        make_engine(url)


def test_an_artifacts_folder_that_cannot_be_made_is_one_sentence(lab_home, monkeypatch):
    (lab_home / "file").write_text("")
    use(monkeypatch, artifacts=str(lab_home / "file" / "below"))
    with pytest.raises(LabError, match=r"artifacts: .*/file/below cannot be made .*; choose another"):
        engine()


def test_a_file_that_is_no_database_is_one_sentence(lab_home):
    for file in lab_home.glob("lab.db*"):
        file.unlink()
    (lab_home / "lab.db").mkdir()
    with pytest.raises(DatabaseError, match=r"\(unable to open database file\): .*lab\.db; see that its"):
        migrate()


def test_a_write_waits_for_another_and_gives_up_in_time(lab_home, monkeypatch):
    monkeypatch.setattr(engines, "_PATIENCE_SECONDS", 0.3)
    other = sqlite3.connect(lab_home / "lab.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="database is locked"):
        submit(planned("a"))
    assert 0.2 < time.monotonic() - began < 5
    other.execute("ROLLBACK")
    other.close()
    assert submit(planned("a")) == [1]


def test_reading_goes_on_while_somebody_writes(lab_home):
    with connected(writing=True) as writer, connected(writing=False) as reader:
        writer.exec_driver_sql("UPDATE job SET priority = 1")
        assert reader.exec_driver_sql("SELECT count(*) FROM job").scalar_one() == 0


def test_an_exception_rolls_the_transaction_back(database):
    with pytest.raises(RuntimeError), connected(writing=True) as connection:  # noqa: PT012
        connection.exec_driver_sql("DROP TABLE runmetric")
        raise RuntimeError
    with connected(writing=False) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runmetric").scalar_one() == 0


@pytest.mark.parametrize("name", ["why?", "100%25", "a b#c", "läb"])
def test_each_folder_has_its_own_database_whatever_its_name(tmp_path, name):
    """What follows a question mark in a URL is not of the file's name: two labs had one database."""
    with own_lab(tmp_path / name) as artifacts:
        migrate()
        assert (artifacts / "lab.db").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1/0",
        "SELECT nothing",
        "CREATE TEMPORARY TABLE wide (word text)",  # it is there already
        "INSERT INTO wide SELECT string_agg(md5(n::text), '') FROM generate_series(1, 999) n",  # no index takes it
    ],
)
def test_a_statement_that_postgres_will_not_have_is_no_database_out_of_reach(postgres_lab, statement):
    """Repeated for ever, it would keep its job running, and all others waiting."""
    says = r"^the database refused what was to be written or read \(.+\)\.$"
    with pytest.raises(RefusedError, match=says), connected(writing=True) as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE wide (word text PRIMARY KEY); {statement}")
