"""A paused queue: nothing of it is claimed, and nothing else changes."""

from __future__ import annotations

import pytest
from planned import claim, claimed, planned, state, submit, succeed

from lab.db import jobs
from lab.db.pause import pause, paused, resume

pytestmark = pytest.mark.usefixtures("lawful")


def test_nothing_of_a_paused_queue_is_claimed_until_it_goes_on():
    (first,) = submit(planned("a"))
    assert pause("work", "maya@gpu01")
    assert claim() is None
    assert state(first) == "READY"
    assert resume("work")
    assert claimed().job == first


def test_who_paused_it_is_told_and_the_first_to_pause_stays():
    assert paused("work") is None
    pause("work", "maya@gpu01")
    assert not pause("work", "otto@gpu02")
    found = paused("work")
    assert found is not None
    assert found.by == "maya@gpu01"
    resume("work")
    assert paused("work") is None
    assert not resume("work"), "it goes on already"


def test_a_job_at_hand_goes_on_and_what_it_frees_waits():
    first, second = submit(planned("a"), planned("b", "a"))
    lease = claimed()
    pause("work", "maya@gpu01")
    assert jobs.beat(lease).held
    assert succeed(lease)
    assert (state(first), state(second)) == ("SUCCEEDED", "READY")
    assert claim() is None
    resume("work")
    assert claimed().job == second


def test_another_queue_is_not_paused_with_it():
    submit(planned("a"))
    pause("chat", "maya@gpu01")
    assert claim() is not None


def test_what_a_person_asks_for_is_done_while_it_is_paused():
    first, second = submit(planned("a"), planned("b"))
    pause("work", "maya@gpu01")
    assert jobs.cancel(first) == "CANCELLED"
    assert jobs.prioritise(second, 3)
    assert jobs.retry(first) == "READY"
