"""One real worker, its executor and its queue, through everything that jobs do to them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import psutil
import pytest
import redis
from fleet import FAST, Fleet, all_is_well, at_step, diary, drill, eventually, fleet, has_ended, submit, wait_for
from planned import job, own_lab, state, states

from lab.db import jobs
from lab.db.migrate import migrate
from lab.db.queries import curve, get_reply, job_log
from lab.db.studies import add_chat
from lab.db.tables import State
from lab.tasks import embedded, queue
from lab.tasks.local import local_workers
from lab.tasks.sweep import ring

MANY = 999


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A lab with one worker, shared by the tests of this file; a job that says nothing for 3 s is hung."""
    settings = FAST | {"LAB_HANG_SECONDS": "3"}
    with own_lab(tmp_path_factory.mktemp("lab"), **settings), fleet() as ships:
        migrate()
        ships.start()
        yield ships


@pytest.fixture(autouse=True)
def well(worker: Fleet) -> Iterator[None]:
    yield
    all_is_well()
    assert len(local_workers()) == 1


@pytest.fixture
def server() -> redis.Redis:
    """The embedded queue server."""
    return redis.Redis.from_url(embedded.url())


# ---------------------------------------------------------------- from submission to result


def test_a_graph_of_jobs_is_done_in_order_with_all_that_belongs_to_it():
    ids = submit(drill("g1"), drill("g2", "g1"), drill("g3", "g1", "g2", steps=5))
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED"] * 3
    assert job(ids[0]).finished_at <= job(ids[1]).started_at
    assert job(ids[1]).finished_at <= job(ids[2]).started_at
    row = job(ids[2])
    assert (row.result, row.progress, row.step, row.attempt) == ({"steps": 5}, 1.0, 5, 1)
    assert curve(ids[2], "train") == [(step, 1.0 / step) for step in range(1, 6)]
    assert [line.text for line in job_log(ids[2])] == ["did 5 of 5 steps"]


def test_an_idle_worker_starts_a_job_soon_after_it_is_submitted(record_property):
    waits = []
    for n in range(8):
        ids = submit(drill(f"latency-{n}", steps=1))
        wait_for(ids)
        waits.append((job(ids[0]).started_at - job(ids[0]).created_at).total_seconds())
    median = statistics.median(waits)
    record_property("submit_to_start_p50_seconds", median)
    print(f"submit to start: p50 {1000 * median:.0f} ms, worst {1000 * max(waits):.0f} ms")
    assert median < 1.0


def test_the_executor_stays_warm_between_jobs(worker: Fleet):
    wait_for(submit(drill("warm-0")))
    before = {process.pid for process in worker.executors()}
    wait_for(submit(drill("warm-1"), drill("warm-2")))
    assert {process.pid for process in worker.executors()} == before


def test_a_chat_answer_does_not_wait_for_the_work_at_hand():
    busy = submit(drill("busy", steps=MANY, pause=0.05))
    wait_for(busy, State.RUNNING)
    answer = add_chat({"messages": [{"role": "user", "content": "a bit warmer please"}]}, "method")
    queue.wake(queue.CHAT, [answer])
    eventually(lambda: get_reply(answer).state == "SUCCEEDED")
    assert get_reply(answer).text == "a bit warmer please"
    assert state(busy[0]) == "RUNNING"
    jobs.cancel(busy[0])
    wait_for(busy)


# ---------------------------------------------------------------- cancel and retry


def test_a_running_job_is_cancelled_and_what_waits_for_it_is_skipped():
    ids = submit(drill("c1", steps=MANY, pause=0.05), drill("c2", "c1"))
    eventually(at_step(ids[0], 2))
    assert jobs.cancel(ids[0]) == "RUNNING"
    wait_for(ids)
    assert states(ids) == ["CANCELLED", "SKIPPED"]


def test_a_cancelled_job_tried_again_goes_on_from_where_it_was():
    ids = submit(drill("r1", steps=20, pause=0.05), drill("r2", "r1"))
    eventually(at_step(ids[0], 3))
    jobs.cancel(ids[0])
    wait_for(ids)
    jobs.retry(ids[0])
    ring()
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]
    assert [step for _, step in diary(ids[0])] == list(range(1, 21)), "no step was lost, none done twice"


def test_a_job_deaf_to_its_cancel_is_ended_after_its_grace():
    ids = submit(drill("deaf", fault="deaf", steps=MANY, pause=0.05))
    eventually(at_step(ids[0], 1))
    jobs.cancel(ids[0])
    wait_for(ids)
    assert state(ids[0]) == "CANCELLED"
    assert "did not stop within 2 s" in job_log(ids[0])[-1].text


# ---------------------------------------------------------------- faults of a job


def test_an_error_is_tried_again_after_a_pause_and_keeps_its_traceback():
    ids = submit(drill("e1", fault="error", at=2, attempts=1))
    wait_for(ids)
    assert (state(ids[0]), job(ids[0]).tries) == ("SUCCEEDED", 1)
    assert "RuntimeError: out of memory" in job_log(ids[0])[0].text
    assert diary(ids[0]) == [(1, 1), (2, 2), (2, 3)]


def test_what_no_retry_mends_fails_at_once_and_can_be_retried_by_a_person():
    ids = submit(drill("f1", fault="for good", at=1, attempts=1), drill("f2", "f1"))
    wait_for(ids)
    assert states(ids) == ["FAILED", "SKIPPED"]
    assert job(ids[0]).error == "there is no such model; name another."
    assert jobs.retry(ids[0]) == "READY"
    ring()
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]


def test_a_poison_job_is_dead_at_its_cap_and_blocks_nobody():
    ids = submit(drill("poison", fault="crash", at=1), drill("innocent"))
    wait_for(ids)
    assert states(ids) == ["DEAD", "SUCCEEDED"]
    assert (job(ids[0]).attempt, job(ids[0]).crashes) == (3, 3)
    assert "SIGKILL" in job_log(ids[0])[0].text


def test_a_crash_costs_one_checkpoint_interval_and_is_forgiven_by_the_next_checkpoint():
    ids = submit(drill("crash", fault="crash", at=9, attempts=1, steps=12, checkpoint_every=5))
    wait_for(ids)
    assert (state(ids[0]), job(ids[0]).crashes) == ("SUCCEEDED", 0)
    assert diary(ids[0]) == [(1, step) for step in range(1, 9)] + [(2, step) for step in range(6, 13)]


def test_an_executor_killed_from_outside_is_replaced_and_its_job_taken_up_again(worker: Fleet):
    ids = submit(drill("killed", steps=20, pause=0.05))
    eventually(at_step(ids[0], 3))
    for executor in worker.executors():
        executor.kill()
    wait_for(ids)
    assert (state(ids[0]), job(ids[0]).attempt) == ("SUCCEEDED", 2)
    steps = [step for _, step in diary(ids[0])]
    assert sorted(set(steps)) == list(range(1, 21))
    assert len(steps) <= 21, "at most one step was done twice"


def test_a_hung_job_is_ended_and_taken_up_again():
    ids = submit(drill("hung", fault="hang", at=2, attempts=1))
    wait_for(ids)
    assert (state(ids[0]), job(ids[0]).attempt) == ("SUCCEEDED", 2)
    assert "reported nothing for 3 s" in job_log(ids[0])[0].text


def test_a_grandchild_that_holds_the_pipe_open_does_not_hide_a_death():
    ids = submit(drill("orphan", children=True, fault="crash", at=2, attempts=1))
    wait_for(ids)
    assert (state(ids[0]), job(ids[0]).attempt) == ("SUCCEEDED", 2)
    assert job_log(ids[0])[0].text.startswith("its executor was ended by SIGKILL")


# ---------------------------------------------------------------- faults of the queue


def test_garbage_in_the_queue_does_no_harm(server: redis.Redis):
    key = queue.JobQueue(queue.WORK).storage.queue_key
    for garbage in (b"", b"\x80\x04K\x01.", b"{}", b'{"job": "x"}', b"[" * 5000, b"null", b'{"job": 4711}') * 5:
        server.lpush(key, garbage)
    ids = submit(drill("after-garbage"))
    wait_for(ids, seconds=10)
    assert state(ids[0]) == "SUCCEEDED"
    eventually(lambda: server.llen(key) == 0)


def test_flushing_the_queue_loses_no_job(server: redis.Redis):
    ids = submit(*(drill(f"flush-{n}", pause=0.05) for n in range(4)))
    for _ in range(5):
        server.flushall()
    wait_for(ids)
    assert set(states(ids)) == {"SUCCEEDED"}
    server.flushall()
    late = [submit(drill("never-rung"))[0]]
    server.flushall()
    wait_for(late, seconds=10)


def test_a_queue_server_that_dies_is_started_again_and_no_job_is_lost(server: redis.Redis):
    ids = submit(drill("before", steps=30, pause=0.05), drill("after", "before"))
    wait_for(ids[:1], State.RUNNING)
    before = psutil.Process(server.info("server")["process_id"])
    before.kill()
    eventually(lambda: has_ended(before))
    wait_for(ids)
    assert states(ids) == ["SUCCEEDED", "SUCCEEDED"]
    eventually(embedded.is_running)


# ---------------------------------------------------------------- one worker a device


def test_a_second_worker_on_the_same_device_is_refused(worker: Fleet):
    second = worker.launch()
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert said.strip().endswith("worker: another worker of this lab already has cpu; `lab down` stops it.")
