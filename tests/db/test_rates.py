"""What earlier jobs took is read from the rows of those that succeeded in one go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from planned import claimed, planned, submit, succeed

from lab.db import jobs
from lab.db.engine import writing
from lab.db.rates import measured
from lab.db.tables import Job

pytestmark = pytest.mark.usefixtures("database")


def lasting(job_id: int, seconds: float) -> None:
    """Let a job that ended have taken so long."""
    with writing() as session:
        job = session.get_one(Job, job_id)
        assert job.started_at is not None
        job.finished_at = job.started_at + timedelta(seconds=seconds)


def test_a_job_that_succeeded_tells_its_time_and_result_the_newest_first():
    ids = submit(planned("a"), planned("b"), planned("c", kind="evaluate"))
    for job_id, seconds in zip(ids, (2.0, 3.0, 4.0), strict=True):
        succeed(claimed())
        lasting(job_id, seconds)
    found = measured(["train", "train"])
    assert [one.seconds for one in found] == [3.0, 2.0]
    assert {(one.kind, one.method, one.device) for one in found} == {("train", "method", "cpu")}
    assert found[0].result == {"seconds": 1.0}
    assert [one.seconds for one in measured(["evaluate"])] == [4.0]


def test_what_failed_waits_or_was_begun_twice_tells_nothing():
    submit(planned("a"), planned("b"), planned("c"))
    jobs.fail(claimed(), "error", for_good=True)
    lease = claimed()
    jobs.hand_back(lease, "stopped")
    succeed(claimed())
    assert measured(["train"]) == []


def test_a_clock_that_was_set_back_tells_nothing():
    (job_id,) = submit(planned("a"))
    succeed(claimed())
    lasting(job_id, -5.0)
    assert measured(["train"]) == []
