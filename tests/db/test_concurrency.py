"""Moves made at the same moment, from threads and from processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
from planned import all_jobs, claim, claimed, enter, planned, state, states, submit, succeed
from sqlalchemy import event
from sqlmodel import Session

from lab.db import jobs, studies
from lab.db.engine import engine
from lab.db.graph import settle
from lab.db.tables import TERMINAL

N_JOBS, N_THREADS = 40, 4


pytestmark = pytest.mark.usefixtures("lawful")


@contextmanager
def meanwhile(first: Callable[[], object], second: Callable[[], object]) -> Iterator[tuple[Future, Future]]:
    """`first` stands still just before its commit until `second` has been started (and waits, or is done)."""
    at_commit, go_on = threading.Event(), threading.Event()

    def hold(connection: object) -> None:
        if threading.current_thread().name.startswith("first") and not at_commit.is_set():
            at_commit.set()
            go_on.wait(5)

    event.listen(engine(), "commit", hold)
    with ThreadPoolExecutor(1, "first") as one, ThreadPoolExecutor(1, "second") as two:
        a = one.submit(first)
        assert at_commit.wait(5)
        b = two.submit(second)
        wait([b], timeout=0.1)  # long enough to reach the lock, if there is one
        go_on.set()
        wait([a, b], timeout=10)
        event.remove(engine(), "commit", hold)
        yield a, b


def test_each_job_is_claimed_by_exactly_one_of_many_threads():
    ids = submit(*(planned(f"job-{n}") for n in range(N_JOBS)))
    start = threading.Barrier(N_THREADS)

    def work(owner: int) -> list[int]:
        start.wait()
        mine = []
        while (found := claim(f"worker-{owner}")) is not None:
            assert succeed(found.lease)
            mine.append(found.lease.job)
        return mine

    with ThreadPoolExecutor(N_THREADS) as threads:
        taken = [job for mine in threads.map(work, range(N_THREADS)) for job in mine]
    assert sorted(taken) == ids
    assert all(job.attempt == 1 for job in all_jobs())


def test_a_child_is_freed_when_its_two_parents_end_at_once():
    *_, child = submit(planned("a"), planned("b"), planned("c", "a", "b"))
    first, second = claimed("first"), claimed("second")
    with meanwhile(lambda: succeed(first), lambda: succeed(second)) as (one, two):
        assert (one.result(), two.result()) == (True, True)
    assert state(child) == "READY"


def test_one_parent_fails_while_the_other_succeeds():
    *_, child = submit(planned("a"), planned("b"), planned("c", "a", "b"))
    first, second = claimed("first"), claimed("second")
    with meanwhile(lambda: jobs.fail(first, "error", for_good=True), lambda: succeed(second)):
        pass
    assert state(child) == "SKIPPED"


ENDS = {
    "a stop": lambda lease: jobs.hand_back(lease, "stopped"),
    "an error": lambda lease: jobs.fail(lease, "error"),
    "a crash": jobs.lose,
    "success": succeed,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_cancel_at_the_moment_an_attempt_ends_is_not_forgotten(end):
    (job,) = submit(planned("a"))
    lease = claimed()
    with meanwhile(lambda: ENDS[end](lease), lambda: jobs.cancel(job)) as (_, cancel):
        told = cancel.result()
    assert (told, state(job)) == ((None, "SUCCEEDED") if end == "success" else ("CANCELLED", "CANCELLED"))


@pytest.mark.parametrize("end", ENDS)
def test_an_attempt_that_ends_at_the_moment_of_a_cancel_is_cancelled(end):
    (job,) = submit(planned("a"))
    lease = claimed()
    with meanwhile(lambda: jobs.cancel(job), lambda: ENDS[end](lease)) as (cancel, _):
        assert cancel.result() == "RUNNING"
    jobs.cancelled(lease)  # as a worker does whose commit or hand-back was refused
    assert state(job) == "CANCELLED"


def test_a_cancel_at_the_moment_of_a_claim():
    (job,) = submit(planned("a"))
    with meanwhile(claim, lambda: jobs.cancel(job)) as (taken, cancel):
        assert taken.result() is not None
        assert cancel.result() == "RUNNING"
    with meanwhile(lambda: jobs.cancelled(taken.result().lease), lambda: jobs.retry(job)) as (_, retry):
        assert retry.result() == "READY"
    with meanwhile(lambda: jobs.cancel(job), claim) as (cancel, taken):
        assert (cancel.result(), taken.result()) == ("CANCELLED", None)


def test_two_studies_submitted_at_once_share_their_jobs():
    def plan(own: str) -> list:
        return [planned("shared"), planned(own, "shared")]

    submit()
    with meanwhile(lambda: enter(*plan("x"), study="x"), lambda: enter(*plan("y"), study="y")) as (x, y):
        assert x.result()[0] == y.result()[0]
    assert [job.key for job in all_jobs()] == ["shared", "x", "y"]


def test_a_study_submitted_again_and_a_retry_never_wait_for_each_other_in_a_circle(monkeypatch):
    plan = [planned("x"), planned("y"), planned("below both", "x", "y")]
    ids = submit(*plan)
    jobs.cancel(ids[0]), jobs.cancel(ids[1])
    half_way, go_on = threading.Event(), threading.Event()

    def revive_and_wait(session: Session, job: int) -> object:
        told = jobs.revive(session, job)
        half_way.set()
        go_on.wait(5)
        return told

    monkeypatch.setattr(studies, "revive", revive_and_wait)
    with ThreadPoolExecutor(2) as threads:
        again = threads.submit(enter, *plan)
        assert half_way.wait(5)
        retry = threads.submit(jobs.retry, ids[1])
        wait([retry], timeout=0.5)  # long enough to have what it can have
        go_on.set()
        assert again.result(20) == ids
        retry.result(20)
    assert states(ids) == ["READY", "READY", "BLOCKED"]


def test_two_machines_import_the_same_data_at_once():
    with meanwhile(submit, submit) as (x, y):
        assert (x.result(), y.result()) == ([], [])


@pytest.mark.parametrize("end", ["success", "an error"])
def test_a_study_submitted_while_a_shared_parent_ends_is_put_in_order_by_the_sweep(end):
    submit(planned("shared"), tries=1)
    lease = claimed()
    plan = [planned("shared"), planned("child", "shared")]
    with meanwhile(lambda: enter(*plan, study="late", tries=1), lambda: ENDS[end](lease)) as (late, _):
        parent, child = late.result()
    settle()
    assert states([parent, child]) == (["SUCCEEDED", "READY"] if end == "success" else ["FAILED", "SKIPPED"])


def test_opposite_moves_over_one_graph_never_lock_each_other_out():
    """Cancels from below, retries from above, workers in between: nobody is a victim of a deadlock."""
    names = [f"n{n}" for n in range(12)]
    ids = submit(*(planned(name, *names[max(0, n - 3) : n]) for n, name in enumerate(names)))
    start = threading.Barrier(4)

    def walk(move: Callable[[int], object], order: list[int]) -> None:
        start.wait()
        for _ in range(3):
            for job in order:
                move(job)

    def work(_: int) -> None:
        found = claim(threading.current_thread().name)
        if found is not None:
            jobs.beat(found.lease)
            while not (succeed(found.lease) or jobs.cancelled(found.lease)):
                pass  # the cancel request was withdrawn in between: it works on

    with ThreadPoolExecutor(4) as threads:
        walks = [(jobs.cancel, ids[::-1]), (jobs.retry, ids), (work, ids), (work, ids)]
        for done in [threads.submit(walk, *each) for each in walks]:
            done.result(60)
    settle()
    while (found := claim()) is not None:
        succeed(found.lease)
    assert {job.state for job in all_jobs()} <= set(TERMINAL)
