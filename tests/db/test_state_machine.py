"""The legal moves of a job, one by one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from planned import claim, claimed, job, outcome, planned, state, states, submit, succeed
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import reading
from lab.db.graph import settle
from lab.db.invariants import check_invariants
from lab.db.jobs import CRASH_CAP, Outcome
from lab.db.leases import Lease
from lab.db.queries import curve, job_log
from lab.db.studies import add_chat
from lab.db.tables import ChatReply, RunMetric, Score


@pytest.fixture(autouse=True)
def lab(database):
    yield
    assert check_invariants() == []


def fail(lease: Lease, times: int = 1) -> None:
    """An error, and another as soon as its pause is over."""
    for last in range(times, 0, -1):
        jobs.fail(lease, "out of memory")
        if last > 1:
            assert jobs.retry_is_due(lease.job, lease.attempt)
            lease = claimed()


def lose(times: int) -> None:
    for _ in range(times):
        jobs.lose(claimed())


# ---------------------------------------------------------------- claim


def test_a_job_without_parents_is_ready_at_once():
    assert states(submit(planned("a"))) == ["READY"]


def test_a_claim_makes_it_running_under_a_new_attempt():
    (a,) = submit(planned("a"))
    found = claim("someone", device="cuda:1")
    assert found.lease == Lease(a, 1, "someone")
    row = job(a)
    assert (row.state, row.owner, row.device, row.beat) == ("RUNNING", "someone", "cuda:1", 0)
    assert row.started_at.utcoffset().total_seconds() == 0


def test_a_claim_brings_what_the_executor_needs():
    submit(planned("a"), planned("b", "a", kind="evaluate"))
    first = claim()
    assert (first.kind, first.method, first.dataset, first.parents) == ("train", "method", "datasets/data", {})
    succeed(first.lease)
    second = claim()
    assert (second.kind, second.parents) == ("evaluate", {"a": "1/1"})


def test_nothing_ready_is_nothing_claimed():
    assert claim() is None
    submit(planned("a"))
    claimed()
    assert claim() is None


def test_the_highest_priority_goes_first_then_the_oldest():
    low = submit(planned("a"), planned("b"), study="low")
    high = submit(planned("c"), study="high", priority=5)
    jobs.prioritise(low[1], 9)
    assert [claimed(str(n)).job for n in range(3)] == [low[1], *high, low[0]]


def test_priorities_of_many_are_shifted_from_where_they_are_and_only_of_those_that_wait():
    running, *waiting = submit(planned("a"), planned("b"), planned("c"))
    jobs.prioritise(waiting[0], 4)
    jobs.prioritise(running, 9)
    claimed()
    assert jobs.shift_priority([running, *waiting], -1) == 2
    assert [job(one).priority for one in (running, *waiting)] == [9, 3, -1]


def test_chat_has_a_queue_of_its_own():
    submit(planned("a"))
    answer = add_chat({"persona": "p"}, "method")
    assert claim(queue_name="chat").lease.job == answer
    assert claim(queue_name="chat") is None


# ---------------------------------------------------------------- while running


def test_a_heartbeat_counts_and_carries_progress():
    (a,) = submit(planned("a"))
    lease = claimed()
    assert jobs.beat(lease, {"progress": 0.5, "note": "halfway"}) == jobs.Pulse(held=True, cancel=False)
    assert (job(a).beat, job(a).progress, job(a).note) == (1, 0.5, "halfway")


def test_curves_and_logs_are_kept_and_a_point_computed_again_replaces_the_first():
    (a,) = submit(planned("a"))
    lease = claimed()
    point = {"job": a, "series": "train", "group": ""}
    assert jobs.record(lease, [RunMetric(**point, step=1, value=3.0), RunMetric(**point, step=1, value=2.0)], ["one"])
    assert jobs.record(lease, [RunMetric(**point, step=1, value=1.0), RunMetric(**point, step=2, value=0.5)], ["two"])
    assert curve(a, "train") == [(1, 1.0), (2, 0.5)]
    assert [(line.attempt, line.text) for line in job_log(a)] == [(1, "one"), (1, "two")]


def test_a_checkpoint_that_nothing_can_go_on_from_gives_way_and_crashes_are_judged_by_what_is_left():
    (a,) = submit(planned("a"))
    jobs.checkpoint(claimed(), "1/1/checkpoint", 100)
    jobs.lose(jobs.Lease(a, 1, "worker"))
    lease = claimed()
    assert jobs.fall_back(lease, "1/1/checkpoint", 90)
    assert (job(a).checkpoint, job(a).checkpoint_step, job(a).crashes) == ("1/1/checkpoint", 90, 1)
    assert jobs.checkpoint(lease, "1/2/checkpoint", 95)
    assert (job(a).checkpoint_step, job(a).crashes) == (95, 0), "it got on"
    assert jobs.fall_back(lease, "", 0)
    assert (job(a).checkpoint, job(a).checkpoint_step) == (None, 0)
    assert check_invariants() == []
    jobs.lose(lease)
    assert not jobs.fall_back(lease, "1/1/checkpoint", 90), "no write from an old attempt"


def test_lines_written_without_being_heard_are_not_written_again():
    (a,) = submit(planned("a"))
    lease = claimed()
    assert jobs.record(lease, [], ["one"], 0)
    assert jobs.record(lease, [], ["two", "three"], 1)
    assert jobs.record(lease, [], ["two", "three", "four"], 1), "the database broke off after it had written"
    assert [line.text for line in job_log(a)] == ["one", "two", "three", "four"]


def test_what_a_lane_does_not_run_is_given_back_and_nothing_else():
    ids = submit(*(planned(name) for name in "abcd"))
    for owner, device in (("me", "one"), ("me", "two"), ("you", "one"), ("me", "one")):
        claim(owner, device=device)
    jobs.cancel(ids[3])
    jobs.give_back("work", "me", "one", "unheard")
    assert states(ids) == ["READY", "RUNNING", "RUNNING", "CANCELLED"]
    assert (job(ids[0]).crashes, job(ids[0]).note) == (0, "unheard")


def test_the_committed_step_never_goes_back():
    (a,) = submit(planned("a"))
    lease = claimed()
    assert jobs.checkpoint(lease, "1/1/checkpoint", 10)
    assert jobs.checkpoint(lease, "1/1/older", 5), "the lease holds, so the worker goes on"
    assert (job(a).checkpoint, job(a).checkpoint_step) == ("1/1/checkpoint", 10)


def test_a_chat_answer_grows():
    answer = add_chat({}, "method")
    lease = claim(queue_name="chat").lease
    for text in ("Set", "Setting it", "Setting it to 21."):
        assert jobs.reply(lease, text, {"n": len(text)})
    with reading() as session:
        assert session.get_one(ChatReply, answer).text == "Setting it to 21."
    assert jobs.succeed(lease, Outcome("", "", {"n": 1}))


# ---------------------------------------------------------------- success


def test_success_is_one_commit_with_result_and_scores():
    (a,) = submit(planned("a"))
    lease = claimed()
    score = Score(job=a, persona_id="p", task_type="", metric="device_f1", value=0.5, n=4)
    assert jobs.succeed(lease, Outcome("1/1", "f" * 64, {"turns": 4}, [score]))
    row = job(a)
    assert (row.state, row.owner, row.artifact, row.manifest) == ("SUCCEEDED", None, "1/1", "f" * 64)
    assert (row.result, row.progress) == ({"turns": 4}, 1.0)
    with reading() as session:
        assert session.exec(select(Score.value)).one() == 0.5


def test_a_child_is_ready_when_its_last_parent_has_succeeded():
    a, b, c = submit(planned("a"), planned("b"), planned("c", "a", "b"))
    assert state(c) == "BLOCKED"
    succeed(claimed())
    assert state(c) == "BLOCKED"
    succeed(claimed())
    assert states([a, b, c]) == ["SUCCEEDED", "SUCCEEDED", "READY"]


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


# ---------------------------------------------------------------- the sweep's part


def test_settle_leaves_a_graph_in_order_alone():
    ids = submit(planned("a"), planned("b", "a"), planned("c", "b"))
    before = states(ids)
    settle()
    assert states(ids) == before
