"""Room given back to the disk, beside others who read and write."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
from planned import claimed, planned, submit
from sqlalchemy import insert

from lab.db import jobs, vacuum
from lab.db.engine import connected
from lab.db.tables import RunMetric
from lab.errors import LabError
from lab.settings import load_settings


def fill(points: int = 40_000) -> jobs.Lease:
    """A running job with a long curve."""
    submit(planned("a"))
    rows = [{"job": 1, "series": "train", "group": "g" * 50, "step": n, "value": 1.0} for n in range(points)]
    with connected(writing=True) as connection:
        connection.execute(insert(RunMetric), rows)
    return claimed()


def empty() -> None:
    with connected(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM runmetric")


def test_the_room_of_deleted_rows_goes_back_to_the_disk(database):
    fill()
    empty()
    said = vacuum.vacuum(beside_workers=True)
    assert said.after < said.before * (0.5 if database == "sqlite" else 0.6), "PostgreSQL keeps what indexes had"
    assert said.after == vacuum.size()


def test_workers_go_on_writing_meanwhile(database):
    lease = fill()
    stop, late = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            began = time.monotonic()
            assert jobs.beat(lease).held
            late.append(time.monotonic() - began)
            time.sleep(0.01)  # a hundred times as often as a worker; without a pause nobody else gets SQLite's one lock

    writer = threading.Thread(target=write)
    writer.start()
    try:
        vacuum.vacuum(beside_workers=True)
    finally:
        stop.set()
        writer.join()
    assert max(late) < 9, "a worker has patience for 10 s"
    assert jobs.beat(lease).held


def test_a_database_in_use_is_told_in_a_sentence(lab_home):
    fill(10_000)
    other = sqlite3.connect(load_settings().artifacts / "lab.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        LabError, match=r"was not compacted \(database is locked\); try again later, or after `lab down`"
    ):
        vacuum.vacuum(beside_workers=True)
    other.execute("ROLLBACK")
    vacuum.vacuum(beside_workers=True)


def test_one_too_large_for_the_patience_of_workers_is_left_as_it_is(lab_home, monkeypatch):
    lease = fill()
    empty()
    monkeypatch.setattr(vacuum, "_BESIDE_WORKERS", 0.0)
    monkeypatch.setattr(vacuum, "_STEPS", 10)
    with pytest.raises(LabError, match="too large to be compacted while workers write to it"):
        vacuum.vacuum(beside_workers=True)
    assert jobs.beat(lease).held
    assert vacuum.vacuum(beside_workers=False).after < 1 << 20
