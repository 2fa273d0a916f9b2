"""The sweep: stillness on one's own clock, dead workers of this machine, wake-ups that got lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from planned import claim, claimed, job, planned, state, submit
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import reading, writing
from lab.db.studies import add_chat
from lab.db.tables import Worker
from lab.settings import Settings, load_settings
from lab.tasks import embedded, queue
from lab.tasks.identity import is_alive, start_of, this_worker
from lab.tasks.sweep import Stillness, Sweep, ring


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(lab_home) -> Iterator[None]:
    embedded.start()
    yield
    embedded.stop()


@pytest.fixture
def settings(lab_home) -> Settings:
    return load_settings().model_copy(update={"lease_seconds": 30.0, "retry_seconds": 0.0})


def add(worker: Worker) -> Worker:
    """Register a worker."""
    with writing() as session:
        session.add(worker)
    return worker


def worker_state(worker: Worker) -> str:
    with reading() as session:
        return session.exec(select(Worker.state).where(Worker.id == worker.id)).one()


# ---------------------------------------------------------------- stillness


def test_a_counter_that_stands_still_is_noticed_after_its_time(clock):
    still = Stillness(clock)
    seen = []
    for _ in range(7):
        seen.append(still.older_than(30, ["beat 7"]))
        clock.now += 5
    assert seen == [[], [], [], [], [], [], ["beat 7"]]


def test_a_counter_that_moves_is_never_still(clock):
    still = Stillness(clock)
    for beat in range(20):
        assert still.older_than(30, [("job", beat // 5)]) == []
        clock.now += 5


def test_what_was_away_starts_anew(clock):
    still = Stillness(clock)
    for things in (["a"], [], ["a"], ["a"]):
        assert still.older_than(12, things) == []
        clock.now += 5
    assert still.older_than(12, ["a"]) == []
    clock.now += 5
    assert still.older_than(12, ["a"]) == ["a"]


def test_a_watcher_that_slept_accuses_nobody(clock):
    still = Stillness(clock)
    still.older_than(30, ["a"])
    clock.now += 3600
    assert still.older_than(30, ["a"]) == []


# ---------------------------------------------------------------- leases


def test_a_job_whose_heartbeat_stands_still_is_taken_back(settings, server):
    (a,) = submit(planned("a"))
    claimed("elsewhere")
    sweep = Sweep(settings.model_copy(update={"lease_seconds": 0.0}))
    sweep()
    assert (state(a), job(a).crashes) == ("READY", 1)


def test_a_job_that_beats_is_left_alone(settings, server):
    (a,) = submit(planned("a"))
    lease = claimed("elsewhere")
    sweep = Sweep(settings)
    for _ in range(3):
        sweep()
        jobs.beat(lease)
    assert state(a) == "RUNNING"


def test_the_jobs_of_a_dead_worker_of_this_machine_are_taken_back_at_once(settings, server):
    dead = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker = this_worker(["cpu"])
    worker.id, worker.pid = "dead", dead.pid
    worker.pid_started = start_of(dead.pid)
    add(worker)
    (a,) = submit(planned("a"))
    claimed("dead")
    sweep = Sweep(settings)
    sweep()
    assert (state(a), worker_state(worker)) == ("RUNNING", "alive")
    dead.kill()
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # a zombie: it has ended, and nobody has taken note
    sweep()
    assert (state(a), worker_state(worker)) == ("READY", "gone")
    dead.wait()


def test_a_worker_that_left_and_forgot_a_job_is_dead_all_the_same(settings, server):
    worker = this_worker(["cpu"])
    worker.id, worker.pid_started, worker.state = "left", 1.0, "gone"
    add(worker)
    (a,) = submit(planned("a"))
    claimed("left")
    Sweep(settings)()
    assert state(a) == "READY"


def test_a_worker_of_another_machine_is_judged_by_its_heartbeat_alone(settings, server):
    far = this_worker(["cpu"])
    far.id, far.machine, far.pid = "far", "another boot", 4_194_000
    add(far)
    (a,) = submit(planned("a"))
    claimed("far")
    Sweep(settings)()
    assert (state(a), worker_state(far)) == ("RUNNING", "alive")


# ---------------------------------------------------------------- who is alive


def test_this_process_is_alive_and_another_with_its_number_is_not():
    me = this_worker(["cpu"])
    assert is_alive(me)
    me.pid_started += 1
    assert not is_alive(me)
    me.pid = 4_194_304  # beyond the highest there can be
    assert not is_alive(me)


# ---------------------------------------------------------------- pauses and wake-ups


def test_a_pause_ends_by_the_sweepers_clock(settings, server):
    (a,) = submit(planned("a"))
    jobs.fail(claimed(), "error")
    assert state(a) == "RETRY_WAIT"
    Sweep(settings)()
    assert state(a) == "READY"


def test_each_ready_job_has_one_wake_up_however_often_one_rings(server):
    submit(planned("a"), planned("b"), planned("c", "a"))
    add_chat({}, "method")
    for _ in range(3):
        ring()
    assert (queue.waiting_messages(queue.WORK), queue.waiting_messages(queue.CHAT)) == (2, 1)
    claim()
    ring()
    assert queue.waiting_messages(queue.WORK) == 2, "one too many does no harm"


def test_a_long_backlog_needs_few_wake_ups(server):
    submit(*(planned(f"job-{n}") for n in range(100)))
    ring()
    assert queue.waiting_messages(queue.WORK) == 64


def test_ringing_without_a_queue_is_no_error(lab_home):
    submit(planned("a"))
    ring()
    assert queue.waiting_messages(queue.WORK) is None
