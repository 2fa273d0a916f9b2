"""Submitting studies: shared jobs, a study again after failures, a study under an old name."""

from __future__ import annotations

import pytest
from planned import all_jobs, claimed, job, planned, state, states, submit, succeed
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import reading
from lab.db.tables import JobParent, StudyJob

CHAIN = (planned("train"), planned("evaluate", "train", kind="evaluate"))


pytestmark = pytest.mark.usefixtures("lawful")


def named_by(study: int) -> list[int]:
    """The jobs that a study names."""
    with reading() as session:
        return sorted(session.exec(select(StudyJob.job).where(StudyJob.study == study)))


def test_two_studies_share_the_jobs_they_have_in_common():
    one = submit(*CHAIN, study="one")
    other = submit(*CHAIN, planned("more", "train"), study="other")
    assert other[:2] == one
    assert len(all_jobs()) == 3


def test_what_has_succeeded_is_reused_and_its_children_need_not_wait():
    submit(CHAIN[0], study="one")
    succeed(claimed())
    assert states(submit(*CHAIN, study="other")) == ["SUCCEEDED", "READY"]


def test_the_same_study_twice_is_the_same_study():
    assert submit(*CHAIN) == submit(*CHAIN)
    with reading() as session:
        assert len(session.exec(select(JobParent)).all()) == 1


@pytest.mark.parametrize("end", ["FAILED", "DEAD", "CANCELLED"])
def test_a_study_submitted_again_tries_its_broken_jobs_again(end):
    train, evaluate = submit(*CHAIN)
    match end:
        case "FAILED":
            jobs.fail(claimed(), "error", for_good=True)
        case "DEAD":
            for _ in range(jobs.CRASH_CAP):
                jobs.lose(claimed())
        case "CANCELLED":
            jobs.cancel(train)
    assert states([train, evaluate]) == [end, "SKIPPED"]
    assert submit(*CHAIN, tries=4) == [train, evaluate], "the same rows: no second job of the same key"
    assert states([train, evaluate]) == ["READY", "BLOCKED"]
    assert (job(train).tries, job(train).crashes, job(train).max_tries) == (0, 0, 4)
    assert named_by(1) == [train, evaluate]


def test_a_shared_job_cancelled_for_one_study_is_tried_again_for_the_next():
    shared, only_one = submit(planned("shared"), planned("x", "shared"), study="one")
    jobs.cancel(shared)
    again, only_other = submit(planned("shared"), planned("y", "shared"), study="other")
    assert again == shared
    assert states([shared, only_one, only_other]) == ["READY", "BLOCKED", "BLOCKED"], "for both"


def test_a_cancel_in_one_study_leaves_the_jobs_of_others_alone():
    shared, only_one = submit(planned("shared"), planned("x", "shared"), study="one")
    _, only_other = submit(planned("shared"), planned("y", "shared"), study="other")
    jobs.cancel(only_one)
    assert states([shared, only_one, only_other]) == ["READY", "CANCELLED", "BLOCKED"]


def test_a_study_that_needs_a_job_about_to_be_cancelled_takes_the_cancel_back():
    (train,) = submit(CHAIN[0], study="one")
    lease = claimed()
    jobs.cancel(train)
    submit(*CHAIN, study="other")
    assert not jobs.beat(lease).cancel
    succeed(lease)
    assert state(train) == "SUCCEEDED"


def test_a_study_names_exactly_what_was_last_submitted_under_its_name():
    old = submit(planned("old"), planned("both"))
    new = submit(planned("both"), planned("new"))
    assert named_by(1) == sorted(new)
    assert states(old) == ["CANCELLED", "READY"], "a job of the earlier plan that nobody needs"
    assert submit(planned("old"), planned("both")) == old, "and it is found again by its key"
    assert states([*old, new[1]]) == ["READY", "READY", "CANCELLED"]


def test_a_job_that_leaves_one_study_stays_for_another():
    old = submit(*CHAIN, study="one")
    submit(*CHAIN, study="other")
    submit(planned("new"), study="one")
    assert states(old) == ["READY", "BLOCKED"]


def test_of_jobs_that_nobody_needs_one_that_runs_goes_on_and_what_waits_ends():
    old = submit(*CHAIN, planned("waiting"), planned("below", "waiting", "evaluate"))
    lease = claimed()
    submit(planned("new"))
    assert states(old) == ["RUNNING", "CANCELLED", "CANCELLED", "SKIPPED"]
    assert succeed(lease)
    assert states(old)[0] == "SUCCEEDED"


def test_a_waiting_job_that_is_broken_twice_over_is_revived_once():
    a, b, c = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    jobs.cancel(c)
    jobs.cancel(b)
    jobs.cancel(a)
    submit(planned("a"), planned("b", "a"), planned("c", "b"))
    assert states([a, b, c]) == ["READY", "BLOCKED", "BLOCKED"]
