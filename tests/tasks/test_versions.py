"""One lab, one version: who would work beside workers of another one is told so, and does nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import FAST, fleet
from planned import all_jobs, forget_settings
from test_submit import write_data

from lab.db import migrate as migrating
from lab.db import workers
from lab.db.engine import reading, writing
from lab.db.migrate import migrate
from lab.db.queries import list_studies, list_workers
from lab.db.tables import Worker
from lab.errors import LabError
from lab.tasks.identity import VERSION, this_worker
from lab.tasks.submit import submit
from lab.tasks.versions import check_version

QUICK = {"LAB_HEARTBEAT_SECONDS": "0.2", "LAB_LEASE_SECONDS": "1.5"}


@pytest.fixture(autouse=True)
def lab(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both databases, with little patience."""
    for name, value in (FAST | QUICK).items():
        monkeypatch.setenv(name, value)
    forget_settings()


def far(version: str = "9.9.9 (engine 7)", name: str = "gpu7:12:ab") -> Worker:
    """A worker of another machine."""
    row = this_worker(["cuda:0"])
    row.id, row.host, row.machine, row.version = name, "gpu7", "another machine", version
    return row


@contextlib.contextmanager
def at_work(row: Worker) -> Iterator[Worker]:
    """It lives as long as the context lasts."""
    over = threading.Event()

    def live() -> None:
        while not over.wait(0.1):
            workers.beat(row.id, {}, draining=False)

    with writing() as session:
        session.add(row)
    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield row
    finally:
        over.set()
        thread.join()


def state_of(name: str) -> str:
    with reading() as session:
        return session.get_one(Worker, name).state


def test_a_study_is_not_queued_for_workers_of_another_version(tmp_path: Path):
    data = write_data(tmp_path / "homes")
    with at_work(far()), pytest.raises(LabError) as caught:
        submit(None, {"data": str(data), "base": "b"})
    assert str(caught.value) == (
        f"this is Persona Lab {VERSION}, but worker gpu7:12:ab of this lab runs 9.9.9 (engine 7); install that one "
        "here, or stop the worker with `lab drain gpu7` and start it again with this one."
    )
    assert (all_jobs(), list_studies()) == ([], [])


def test_workers_of_this_version_are_welcome():
    with at_work(far(VERSION)):
        check_version()
        assert workers.register(this_worker(["cpu"])) == []
    assert len(list_workers()) == 2


def test_a_machine_that_died_without_a_word_is_waited_for_no_longer_than_a_lease():
    with writing() as session:
        session.add(far())
    check_version()
    assert state_of("gpu7:12:ab") == "gone"


def test_of_two_versions_that_come_at_once_the_later_one_stays_outside():
    assert workers.register(far()) == []
    row = this_worker(["cpu"])
    assert [other.id for other in workers.register(row)] == ["gpu7:12:ab"]
    assert [worker.id for worker in list_workers()] == ["gpu7:12:ab"]


def test_a_worker_beside_another_version_does_not_start():
    with at_work(far()), fleet() as ships:
        worker = ships.launch()
        said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert said.strip().splitlines()[-1].startswith(f"worker: this is Persona Lab {VERSION}, but worker gpu7:12:ab of ")
    assert "Traceback" not in said


def test_no_table_changes_under_a_worker_that_knows_it_as_it_was(monkeypatch: pytest.MonkeyPatch):
    migrate()
    known = (*migrating._revisions(), "9999")
    monkeypatch.setattr(migrating, "_revisions", lambda: known)  # as the next version will say
    with at_work(far()), pytest.raises(LabError, match=r"worker gpu7:12:ab of version 9\.9\.9 \(engine 7\) works with"):
        migrate()
    migrate()
