"""What becomes of a job after errors, lost leases and writes of old attempts."""

from __future__ import annotations

import pytest
from planned import claim, claimed, fail, job, lose, outcome, planned, state, states, submit

from lab.db import jobs
from lab.db.graph import settle
from lab.db.jobs import CRASH_CAP
from lab.db.leases import Lease
from lab.db.queries import curve, job_log
from lab.db.tables import RunMetric

pytestmark = pytest.mark.usefixtures("lawful")


# ---------------------------------------------------------------- errors


def test_an_error_with_tries_left_waits_for_its_pause():
    (a,) = submit(planned("a"))
    lease = claimed()
    assert jobs.fail(lease, "out of memory") == "RETRY_WAIT"
    assert (job(a).tries, job(a).error) == (1, "out of memory")
    assert claim() is None
    assert jobs.retry_is_due(a, lease.attempt)
    assert claimed().attempt == 2
    assert not jobs.retry_is_due(a, 2)


def test_the_last_try_fails_the_job_and_skips_all_below():
    a, b, c, other = submit(planned("a"), planned("b", "a"), planned("c", "b"), planned("other"))
    fail(claimed(), times=2)
    assert states([a, b, c, other]) == ["FAILED", "SKIPPED", "SKIPPED", "READY"]
    assert job(c).note == f"job {a} before it did not succeed"


def test_an_error_that_no_retry_mends_fails_at_once():
    (a,) = submit(planned("a"), tries=5)
    assert jobs.fail(claimed(), "there is no such model", for_good=True) == "FAILED"
    assert state(a) == "FAILED"


# ---------------------------------------------------------------- lost leases


def test_a_lost_lease_is_ready_again_and_counted():
    (a,) = submit(planned("a"))
    assert jobs.lose(claimed()) == "READY"
    assert (job(a).crashes, job(a).tries, job(a).owner) == (1, 0, None)


def test_a_lease_that_beats_after_all_is_not_lost():
    submit(planned("a"))
    lease = claimed()
    jobs.beat(lease)
    assert jobs.lose(lease, seen_beat=0) is None
    assert jobs.lose(lease, seen_beat=1) == "READY"


def test_a_poison_job_is_dead_at_its_cap_and_blocks_nobody():
    a, b, other = submit(planned("a"), planned("b", "a"), planned("other"))
    lose(CRASH_CAP)
    assert states([a, b, other]) == ["DEAD", "SKIPPED", "READY"]
    assert "without a new checkpoint" in job(a).error


def test_a_new_checkpoint_forgives_crashes_but_the_same_one_again_does_not():
    (a,) = submit(planned("a"))
    lose(CRASH_CAP - 1)
    lease = claimed()
    jobs.checkpoint(lease, "1/3/checkpoint", 7)
    jobs.lose(lease)
    assert (state(a), job(a).crashes) == ("READY", 1)
    for _ in range(CRASH_CAP - 1):  # it resumes, writes the same step again, and dies again
        lease = claimed()
        jobs.checkpoint(lease, f"1/{lease.attempt}/checkpoint", 7)
        jobs.lose(lease)
    assert state(a) == "DEAD"


def test_a_job_handed_back_goes_on_from_its_checkpoint_without_a_mark():
    (a,) = submit(planned("a"))
    lease = claimed()
    jobs.checkpoint(lease, "1/1/checkpoint", 7)
    assert jobs.hand_back(lease, "stopped")
    assert (state(a), job(a).crashes, job(a).tries) == ("READY", 0, 0)
    assert claim().checkpoint == "1/1/checkpoint"


# ---------------------------------------------------------------- fencing


@pytest.mark.parametrize("successor", ["none", "another worker", "the same worker"])
def test_an_old_attempt_changes_nothing(successor):
    a, b = submit(planned("a"), planned("b", "a"))
    old = claimed("first")
    jobs.lose(old)
    if successor != "none":
        claimed("first" if successor == "the same worker" else "second")
    before = job(a).model_dump()
    assert not jobs.beat(old, {"progress": 0.9}).held
    assert not jobs.record(old, [RunMetric(job=a, series="train", group="", step=1, value=1.0)], ["late"])
    assert not jobs.checkpoint(old, "late", 99)
    assert not jobs.reply(old, "late", {})
    assert not jobs.succeed(old, outcome(old))
    assert not jobs.hand_back(old, "late")
    assert not jobs.cancelled(old)
    assert jobs.fail(old, "late") is None
    assert jobs.lose(old) is None
    assert job(a).model_dump() == before
    assert (state(b), curve(a, "train"), job_log(a)) == ("BLOCKED", [], [])


def test_somebody_elses_lease_of_the_same_attempt_changes_nothing():
    (a,) = submit(planned("a"))
    lease = claimed("first")
    assert not jobs.beat(Lease(a, lease.attempt, "second")).held


# ---------------------------------------------------------------- the sweep's part


def test_settle_leaves_a_graph_in_order_alone():
    ids = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    before = states(ids)
    settle()
    assert states(ids) == before
