"""Artifacts belong to one database: whoever comes with another is refused before anything is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from household import bring_in, done, furnish, ids, plan, study
from planned import forget_settings, own_lab
from tiny_model import save_base

from lab.db.lab_id import lab_id
from lab.db.migrate import migrate
from lab.errors import LabError
from lab.tasks import embedded
from lab.tasks.backup import backup
from lab.tasks.clean import clean, survey
from lab.tasks.local import work_here
from lab.tasks.owner import check_owner
from lab.tasks.restore import restore
from lab.tasks.submit import submit

OTHERS = r"belongs to another database; correct database_url or choose another place \(artifacts, artifacts_url\)"
WRITERS = {
    "lab up": work_here,
    "lab run": lambda: submit(None, {"data": "people", "base": str(save_base(Path("base"))), "methods": ["base"]}),
    "lab clean": clean,
    "what lab clean would do": survey,
}


@contextmanager
def lab(home: Path, **variables: str) -> Iterator[Path]:
    """A lab of its own, with its tables."""
    with own_lab(home, **variables) as artifacts:
        migrate()
        yield artifacts


def used(home: Path, **variables: str) -> str:
    """A lab with a job that succeeded, whose folder is its own; gives its id."""
    with lab(home, **variables):
        study(data := bring_in(home / "people"), plan("a", data))
        done()
        check_owner()
        return lab_id()


def another_database(home: Path) -> None:
    """Its user removes the database, but not what it tells of."""
    for file in (home / "artifacts").glob("lab.db*"):
        file.unlink()


def test_a_database_keeps_its_id(database):
    own = lab_id()
    forget_settings()
    assert (lab_id(), len(own)) == (own, 32)


@pytest.mark.parametrize("writer", WRITERS)
def test_another_database_is_refused_in_a_folder_that_is_not_its_own(tmp_path, writer):
    used(tmp_path)
    another_database(tmp_path)
    with lab(tmp_path) as artifacts:
        before = (artifacts / "1" / "1" / "manifest.json").read_bytes()
        with pytest.raises(LabError, match=OTHERS):
            WRITERS[writer]()
        embedded.stop()
        assert ids() == []
        assert (artifacts / "1" / "1" / "manifest.json").read_bytes() == before


def test_a_worker_of_another_database_does_not_start(tmp_path):
    used(tmp_path)
    another_database(tmp_path)
    with lab(tmp_path):
        worker = [sys.executable, "-m", "lab.tasks"]
        ended = subprocess.run(worker, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert re.search(OTHERS, ended.stderr)


def test_another_database_is_refused_in_a_store_that_is_not_its_own(tmp_path):
    (tmp_path / "store").mkdir()
    used(tmp_path / "one", LAB_ARTIFACTS_URL=str(tmp_path / "store"))
    with (
        lab(tmp_path / "two", LAB_ARTIFACTS_URL=str(tmp_path / "store")),
        pytest.raises(LabError, match=f"the store {tmp_path}/store {OTHERS}"),
    ):
        check_owner()


def test_a_lab_of_before_there_were_owners_gets_what_it_has(tmp_path):
    used(tmp_path)
    (tmp_path / "artifacts" / "lab-id").unlink()
    with lab(tmp_path) as artifacts:
        check_owner()
        assert (artifacts / "lab-id").read_text() == f"{lab_id()}\n"


def test_a_database_without_jobs_gets_no_folder_with_jobs(tmp_path):
    used(tmp_path)
    (tmp_path / "artifacts" / "lab-id").unlink()
    another_database(tmp_path)
    with lab(tmp_path), pytest.raises(LabError, match="has folders of jobs, but the database has no job"):
        check_owner()


def test_what_is_emptied_and_given_up_is_had_by_the_next(tmp_path):
    used(tmp_path)
    shutil.rmtree(tmp_path / "artifacts")
    with lab(tmp_path):
        check_owner()


def test_a_restored_lab_is_the_one_it_was_also_where_an_empty_one_was_at_home(tmp_path):
    store = {"LAB_ARTIFACTS_URL": str(tmp_path / "store")}
    (tmp_path / "store").mkdir()
    with lab(tmp_path / "one"):
        furnish(tmp_path / "people")
        own = lab_id()
        backup(tmp_path / "lab.tar")
    with lab(tmp_path / "one", **store):
        check_owner()
    with lab(tmp_path / "two"):
        check_owner()
    with lab(tmp_path / "two", **store):
        restore(tmp_path / "lab.tar")
        check_owner()
        assert lab_id() == own


def test_a_backup_is_not_restored_into_a_store_of_another_lab(tmp_path):
    store = {"LAB_ARTIFACTS_URL": str(tmp_path / "store")}
    (tmp_path / "store").mkdir()
    with lab(tmp_path / "one"):
        furnish(tmp_path / "people")
        backup(tmp_path / "lab.tar")
    used(tmp_path / "other", **store)
    with lab(tmp_path / "two", **store):
        with pytest.raises(LabError, match="belongs to another database"):
            restore(tmp_path / "lab.tar")
        assert ids() == []
