"""Workers that die, freeze, leave in good order or lose what they stand on, and the workers after them."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from fleet import FAST, Fleet, at_step, diary, drill, eventually, freeze, has_ended, submit, wait_for
from planned import forget_settings, job, own_lab, state, states

from lab.db.queries import job_log, list_workers
from lab.tasks import embedded
from lab.tasks.local import ensure_running, local_workers, log_file, shut_down, work_here


def test_a_worker_killed_in_the_middle_of_a_job_loses_nothing(lab_home, ships: Fleet):
    first = ships.start()
    ids = submit(drill("long", steps=20, pause=0.05), drill("next", "long"))
    eventually(at_step(ids[0], 4))
    executors = ships.executors()
    first.kill()
    first.wait()
    eventually(lambda: all(has_ended(executor) for executor in executors), "an executor dies with its worker", 5)
    ships.start()
    wait_for(ids)  # on one machine nobody waits for the lease to run out
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]
    assert job(ids[0]).attempt == 2
    steps = [step for _, step in diary(ids[0])]
    assert sorted(set(steps)) == list(range(1, 21))
    assert len(steps) <= 21, "at most one checkpoint interval is done twice"
    assert [worker.pid for worker in list_workers()] == [worker.pid for worker in local_workers()]


@pytest.mark.parametrize("everybody", [False, True], ids=["the worker", "all its processes"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_worker_told_to_stop_writes_a_checkpoint_and_hands_its_job_back(
    lab_home, ships: Fleet, number: signal.Signals, everybody: bool
):
    """Service managers and batch systems tell all processes, not the first alone."""
    first = ships.start()
    ids = submit(drill("long", steps=60, pause=0.05, checkpoint_every=1000))
    eventually(at_step(ids[0], 4))
    told = psutil.Process(first.pid).children(recursive=True) if everybody else []
    for process in [*told, first]:
        process.send_signal(number)
    assert first.wait(10) == 0
    row = job(ids[0])
    assert (row.state, row.crashes, row.tries, row.checkpoint_step > 3) == ("READY", 0, 0, True)
    assert local_workers() == list_workers() == []
    ships.start()
    wait_for(ids)
    assert [step for _, step in diary(ids[0])] == list(range(1, 61)), "no step was lost, none done twice"


def test_a_frozen_worker_loses_its_job_and_cannot_touch_it_when_it_wakes(lab_home, ships: Fleet):
    frozen = ships.start(LAB_DEVICES='["one"]', LAB_LEASE_SECONDS="3")
    ids = submit(drill("long", steps=40, pause=0.1))
    eventually(at_step(ids[0], 3))
    freeze(frozen)
    ships.start(LAB_DEVICES='["two"]', LAB_LEASE_SECONDS="3")
    eventually(lambda: job(ids[0]).device == "two")
    frozen.send_signal(signal.SIGCONT)
    wait_for(ids)
    row = job(ids[0])
    assert (row.state, row.attempt, row.artifact) == ("SUCCEEDED", 2, f"{ids[0]}/2")
    assert {line.attempt for line in job_log(ids[0])} == {2}
    assert frozen.poll() is None
    again = submit(drill("again"), drill("and-again"))
    wait_for(again)
    assert set(states(again)) == {"SUCCEEDED"}


def test_two_workers_share_a_backlog_and_nothing_runs_twice(postgres_lab, ships: Fleet):
    ids = submit(*(drill(f"share-{n}", steps=2, pause=0.1) for n in range(8)), drill("last", "share-0", "share-7"))
    ships.launch(LAB_DEVICES='["one"]')
    ships.start(LAB_DEVICES='["two"]')
    wait_for(ids)
    assert set(states(ids)) == {"SUCCEEDED"}
    assert {job(one).attempt for one in ids} == {1}
    assert {job(one).device for one in ids} == {"one", "two"}


def test_a_worker_goes_on_without_its_queue(lab_home, ships: Fleet, monkeypatch):
    """A Redis of somebody else's: nobody here may start it again, so the worker looks at the database itself."""
    embedded.start()
    monkeypatch.setenv("LAB_REDIS_URL", embedded.url())
    forget_settings()
    worker = ships.start()
    embedded.stop()
    ids = submit(drill("unheard"), drill("after", "unheard"))
    wait_for(ids, seconds=10)
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]
    embedded.start()
    heard = submit(drill("heard"))
    wait_for(heard, seconds=10)
    assert (state(heard[0]), worker.poll()) == ("SUCCEEDED", None)


@pytest.mark.parametrize(
    ("setting", "url", "says"),
    [
        ("LAB_REDIS_URL", "redis://:s3cret@127.0.0.1:1/0", "worker: redis at redis://127.0.0.1:1 does not answer ("),
        ("LAB_REDIS_URL", "gopher://127.0.0.1", "worker: setting 'redis_url' ("),
        ("LAB_DATABASE_URL", "postgresql://a:s3cret@127.0.0.1:1/l", "worker: database cannot be used ("),
    ],
)
def test_a_worker_without_queue_or_database_says_so_and_ends(lab_home, ships: Fleet, setting, url, says):
    worker = ships.launch(**{setting: url})
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith(says)
    assert "Traceback" not in said
    assert "s3cret" not in said


def test_the_lab_of_this_machine_starts_once_outlives_its_starter_and_stops(tmp_path):
    with own_lab(tmp_path, **FAST):
        try:
            assert ensure_running() is True
            assert ensure_running() is False, "it runs already"
            (worker,) = local_workers()
            assert os.getsid(worker.pid) == worker.pid, "no terminal can take it along"
            assert psutil.Process(worker.pid).ppid() in (1, os.getpid())
            # Its row is there a moment before its word.
            eventually(lambda: f"worker {worker.id} runs on cpu" in log_file().read_text(), "it said so")
        finally:
            assert shut_down() == 1
        assert (local_workers(), embedded.is_running(), shut_down()) == ([], False, 0)


def test_with_a_redis_of_its_own_a_lab_starts_a_worker_when_it_is_asked_to_and_not_for_a_run(tmp_path, monkeypatch):
    with own_lab(tmp_path, **FAST):
        embedded.start()
        monkeypatch.setenv("LAB_REDIS_URL", embedded.url())
        forget_settings()
        try:
            assert ensure_running() is False
            assert local_workers() == [], "a desk queues jobs, and computes none"
            assert (work_here(), work_here()) == (True, False)
            assert len(local_workers()) == 1
        finally:
            assert shut_down() == 1
            assert embedded.is_running(), "that Redis is not ours to stop"
            monkeypatch.delenv("LAB_REDIS_URL")
            forget_settings()
            shut_down()
