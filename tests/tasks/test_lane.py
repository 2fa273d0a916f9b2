"""A lane and its real executor, without a queue: what it does when database, data or executor misbehave."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import psutil
import pytest
from fleet import all_is_well, at_step, drill, eventually
from planned import job, planned, states, submit
from sqlmodel import select

from lab.db import engine as engines
from lab.db import jobs
from lab.db.engine import DatabaseError, reading
from lab.db.queries import curve, job_log
from lab.db.tables import Score
from lab.settings import load_settings
from lab.tasks.child import ExecutorProcess
from lab.tasks.lane import Lane
from lab.tasks.messages import Assignment, Checkpoint, Event, Metrics

EXECUTOR = (sys.executable, str(Path(__file__).with_name("drill_executor.py")))
MANY = 999


@pytest.fixture
def rung() -> list[str]:
    return []


@pytest.fixture
def lane(lab_home, rung: list[str]) -> Iterator[Lane]:
    quick = {"heartbeat_seconds": 0.1, "lease_seconds": 2.0, "grace_seconds": 2.0}
    settings = load_settings().model_copy(update=quick)
    lane = Lane("work", "cpu", "me", settings, lambda: rung.append("rung"), EXECUTOR)
    yield lane
    lane.stop()
    lane.close()
    assert lane.join(10)
    all_is_well()


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """A thread that, like a worker's, outlives the work: executors die with the thread that made them."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def executors() -> list[psutil.Process]:
    """This process's executors that are not yet buried."""
    living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if any("executor" in part for part in child.cmdline())]


def test_a_lane_works_until_nothing_is_ready_and_rings_for_what_it_freed(lane: Lane, rung):
    ids = submit(drill("a"), drill("b", "a"), drill("c", "b"))
    lane.drain()
    assert states(ids) == ["SUCCEEDED"] * 3
    assert rung == ["rung"] * 2, "the last one freed none"


def test_a_lane_cut_off_from_the_database_lets_go_in_time_and_gives_back(lane: Lane, lab_home, monkeypatch, thread):
    monkeypatch.setattr(engines, "_PATIENCE_SECONDS", 0.2)
    engines.engine().dispose()
    (a,) = submit(drill("a", steps=MANY, pause=0.02))
    working = thread.submit(lane.drain)
    eventually(at_step(a, 3))
    wall = sqlite3.connect(lab_home / "lab.db", isolation_level=None)
    wall.execute("BEGIN IMMEDIATE")  # nobody else can write any more
    working.result(15)  # given up after half a lease
    assert executors() == [], "and nobody goes on with a job that another worker may take"
    wall.execute("ROLLBACK")
    wall.close()
    assert states([a]) == ["RUNNING"]
    lane.return_dropped()
    row = job(a)
    assert (row.state, row.crashes, row.tries, row.checkpoint_step > 0) == ("READY", 0, 0, True)


def test_a_claim_that_the_database_made_without_being_heard_is_given_back(lane: Lane, monkeypatch):
    (a,) = submit(drill("a"))
    real = jobs.claim

    def unheard(*arguments: str) -> None:
        assert real(*arguments) is not None
        raise DatabaseError("the database broke off")

    monkeypatch.setattr(jobs, "claim", unheard)
    lane.drain()
    assert states([a]) == ["RUNNING"]
    monkeypatch.setattr(jobs, "claim", real)
    lane.drain()
    assert (states([a]), job(a).attempt, job(a).crashes) == (["SUCCEEDED"], 2, 0)


def test_work_goes_on_when_the_database_points_to_the_checkpoint_and_not_before(lab_home):
    executor = ExecutorProcess(EXECUTOR)
    try:
        executor.run(
            Assignment(1, 1, "drill", "", {"steps": 3}, str(lab_home), "1/1", "", "cpu", "auto", None, 60, None, {})
        )
        said: list[Event | None] = []
        while not isinstance(said[-1] if said else None, Checkpoint):
            said.append(executor.next_event(10))
        assert executor.next_event(0.5) is None
        executor.confirm_checkpoint()
        assert isinstance(executor.next_event(10), Metrics)
    finally:
        executor.kill()


def test_a_short_outage_is_waited_out(lane: Lane, lab_home, monkeypatch, thread):
    monkeypatch.setattr(engines, "_PATIENCE_SECONDS", 0.2)
    engines.engine().dispose()
    (a,) = submit(drill("a", steps=40, pause=0.02))
    working = thread.submit(lane.drain)
    eventually(at_step(a, 3))
    wall = sqlite3.connect(lab_home / "lab.db", isolation_level=None)
    wall.execute("BEGIN IMMEDIATE")
    wait([working], 0.5)
    wall.execute("ROLLBACK")
    wall.close()
    working.result(20)
    assert (states([a]), job(a).attempt) == (["SUCCEEDED"], 1)


def test_a_lane_told_to_stop_hands_its_job_back(lane: Lane, thread):
    ids = submit(drill("a", steps=MANY, pause=0.02), drill("b"))
    working = thread.submit(lane.drain)
    eventually(at_step(ids[0], 3))
    lane.stop()
    assert lane.join(10)
    working.result(10)
    assert states(ids) == ["READY", "READY"]
    assert job(ids[0]).checkpoint_step >= 3


def test_a_lane_whose_job_was_taken_ends_its_executor(lane: Lane, thread):
    (a,) = submit(drill("a", steps=MANY, pause=0.02))
    working = thread.submit(lane.drain)
    eventually(at_step(a, 3))
    jobs.lose(jobs.Lease(a, 1, "me"))
    jobs.cancel(a)
    working.result(10)
    assert (states([a]), executors()) == (["CANCELLED"], [])


def test_a_job_whose_data_set_is_not_there_fails_for_good(lane: Lane):
    ids = submit(planned("a", kind="drill", spec={"data": "gone"}))
    lane.drain()
    assert states(ids) == ["FAILED"]
    assert job(ids[0]).error == "its data set was never imported into this database; submit its study again"


def test_a_kind_of_job_that_nobody_knows_fails_and_does_no_other_harm(lane: Lane):
    ids = submit(planned("a", kind="telepathy"), drill("b"), tries=1)
    lane.drain()
    assert states(ids) == ["FAILED", "SUCCEEDED"]
    assert job(ids[0]).error == "KeyError: 'telepathy'"


def test_what_is_not_a_number_is_left_out_of_curves_and_scores(lane: Lane):
    ids = submit(drill("a", fault="nan"))
    lane.drain()
    assert (states(ids), curve(ids[0], "train")) == (["SUCCEEDED"], [])
    with reading() as session:
        assert session.exec(select(Score.metric)).all() == ["steps"]


def test_a_result_the_database_refuses_fails_the_job_and_not_the_worker(lane: Lane):
    ids = submit(drill("a", fault="double"), drill("b"), tries=1)
    lane.drain()
    assert states(ids) == ["FAILED", "SUCCEEDED"]
    assert job(ids[0]).error.startswith("its worker could not go on: IntegrityError")


def test_an_idle_executor_gives_its_memory_back_and_a_new_one_takes_its_place(lane: Lane):
    submit(drill("a"))
    lane.drain()
    lane.close_if_idle(60)
    assert len(executors()) == 1
    lane.close_if_idle(0)
    assert executors() == []
    ids = submit(drill("b"))
    lane.drain()
    assert states(ids) == ["SUCCEEDED"]


def test_an_executor_that_died_idle_costs_no_job_a_crash(lane: Lane):
    submit(drill("a"))
    lane.drain()
    for child in executors():
        child.kill()
        child.wait()
    ids = submit(drill("b"))
    lane.drain()
    assert (states(ids), job(ids[0]).attempt) == (["SUCCEEDED"], 1)


def test_what_a_library_prints_does_not_get_between_the_lines(lane: Lane):
    ids = submit(drill("a", noise=True))
    lane.drain()
    assert (states(ids), [line.text for line in job_log(ids[0])]) == (["SUCCEEDED"], ["did 3 of 3 steps"])
