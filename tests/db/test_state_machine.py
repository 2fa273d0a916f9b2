"""The legal moves of a job that goes well, one by one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from planned import claim, claimed, job, planned, state, states, submit, succeed
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import reading
from lab.db.invariants import check_invariants
from lab.db.jobs import Outcome
from lab.db.leases import Lease
from lab.db.queries import curve, job_log
from lab.db.studies import add_chat
from lab.db.tables import ChatReply, RunMetric, Score

pytestmark = pytest.mark.usefixtures("lawful")


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
