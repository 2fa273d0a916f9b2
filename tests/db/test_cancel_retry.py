"""Cancel and retry of jobs in every state, and what becomes of the jobs below."""

from __future__ import annotations

import pytest
from planned import claim, claimed, fail, job, lose, planned, state, states, submit, succeed

from lab.db import jobs
from lab.db.jobs import CRASH_CAP

pytestmark = pytest.mark.usefixtures("lawful")


# ---------------------------------------------------------------- cancel


def test_a_waiting_job_is_cancelled_at_once_and_skips_what_waits_for_it():
    a, b, c = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    assert jobs.cancel(b) == "CANCELLED"
    assert states([a, b, c]) == ["READY", "CANCELLED", "SKIPPED"]
    assert jobs.cancel(a) == "CANCELLED"
    assert jobs.cancel(c) is None, "it has ended"


def test_a_job_in_its_pause_can_be_cancelled():
    (a,) = submit(planned("a"))
    lease = claimed()
    jobs.fail(lease, "error")
    assert jobs.cancel(a) == "CANCELLED"
    assert not jobs.retry_is_due(a, lease.attempt)


def test_a_running_job_learns_of_its_cancel_by_its_heartbeat():
    a, b = submit(planned("a"), planned("b", "a"))
    lease = claimed()
    assert jobs.cancel(a) == "RUNNING"
    assert jobs.beat(lease).cancel
    assert jobs.cancelled(lease)
    assert states([a, b]) == ["CANCELLED", "SKIPPED"]


@pytest.mark.parametrize("meets", ["success", "an error", "a crash", "a stop"])
def test_a_cancel_wins_over_whatever_ends_the_attempt(meets):
    (a,) = submit(planned("a"))
    lease = claimed()
    jobs.cancel(a)
    match meets:
        case "success":
            assert not succeed(lease)
        case "an error":
            assert jobs.fail(lease, "error") == "CANCELLED"
        case "a crash":
            assert jobs.lose(lease) == "CANCELLED"
        case "a stop":
            assert not jobs.hand_back(lease, "stopped")
    jobs.cancelled(lease)
    assert state(a) == "CANCELLED"


def test_what_has_ended_cannot_be_cancelled():
    (a,) = submit(planned("a"))
    succeed(claimed())
    assert jobs.cancel(a) is None
    assert jobs.cancel(4711) is None


# ---------------------------------------------------------------- retry


def test_retry_gives_a_failed_job_all_its_tries_and_its_checkpoint():
    (a,) = submit(planned("a"))
    jobs.checkpoint(lease := claimed(), "1/1/checkpoint", 3)
    fail(lease, times=2)
    assert jobs.retry(a) == "READY"
    assert (job(a).tries, job(a).crashes, job(a).error, job(a).finished_at) == (0, 0, None, None)
    again = claim()
    assert (again.lease.attempt, again.checkpoint) == (3, "1/1/checkpoint")


def test_retry_revives_what_was_skipped_because_of_the_job():
    a, b, c, d = submit(planned("a"), planned("b", "a"), planned("c", "a", "b"), planned("d", "b", "c"))
    lose(CRASH_CAP)
    assert states([a, b, c, d]) == ["DEAD", "SKIPPED", "SKIPPED", "SKIPPED"]
    assert jobs.retry(a) == "READY"
    assert states([a, b, c, d]) == ["READY", "BLOCKED", "BLOCKED", "BLOCKED"]


def test_a_skipped_job_stays_skipped_while_another_parent_is_broken():
    a, b, c = submit(planned("a"), planned("b"), planned("c", "a", "b"))
    jobs.cancel(a)
    jobs.cancel(b)
    jobs.retry(a)
    assert states([a, b, c]) == ["READY", "CANCELLED", "SKIPPED"]
    jobs.retry(b)
    assert state(c) == "BLOCKED"


def test_retry_below_a_broken_job_waits_for_that_one():
    a, b, c = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    jobs.cancel(b)
    jobs.cancel(a)
    assert jobs.retry(b) == "SKIPPED"
    assert states([a, b, c]) == ["CANCELLED", "SKIPPED", "SKIPPED"]
    jobs.retry(a)
    assert states([a, b, c]) == ["READY", "BLOCKED", "BLOCKED"]


def test_retry_of_a_job_about_to_be_cancelled_takes_the_cancel_back():
    (a,) = submit(planned("a"))
    lease = claimed()
    jobs.cancel(a)
    assert jobs.retry(a) == "RUNNING"
    assert not jobs.beat(lease).cancel
    assert not jobs.cancelled(lease)
    assert jobs.hand_back(lease, "its worker had stopped it already")


def test_only_broken_jobs_are_tried_again():
    a, b = submit(planned("a"), planned("b", "a"))
    assert [jobs.retry(a), jobs.retry(b), jobs.retry(4711)] == [None, None, None]
    succeed(claimed())
    assert jobs.retry(a) is None
