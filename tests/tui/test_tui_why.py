"""Why a job waits, from rows alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lab.db.queries import JobRow
from lab.db.tables import State, Worker
from lab.tui.feeds.order import queue_places
from lab.tui.feeds.why import Hands, Queue, why

ONE_GPU = Hands(workers=1, devices=("cuda:0",))


def job(number: int, state: str, *waits_for: int, **values: object) -> JobRow:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = JobRow(
        number, "train", "hybrid", State(state), 0, 0.0, None, None, None, None, None, 0, 0, 1, None, None, "", None,
        False, waits_for, moment, None, None,
    )  # fmt: skip
    return replace(row, **values)


def asked(one: JobRow, *others: JobRow, hands: Hands = ONE_GPU, pauses: dict[int, float] | None = None) -> list[str]:
    rows = [one, *others]
    return why(one, Queue({row.id: row for row in rows}, queue_places(rows), hands, pauses or {}))


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "FAILED", "DEAD", "CANCELLED", "SKIPPED"])
def test_what_does_not_wait_has_no_reason_to(state: str) -> None:
    assert asked(job(1, state)) == []


def test_a_blocked_job_names_what_it_waits_for_and_how_far_that_is() -> None:
    running = job(41, "RUNNING", progress=0.62, eta_seconds=192.0)
    assert asked(job(42, "BLOCKED", 41), running) == ["waits for 41 train hybrid (RUNNING 62%, 3m12s left)"]


def test_of_many_parents_those_that_run_come_first_and_the_rest_is_counted() -> None:
    parents = [job(number, "READY") for number in range(1, 100)] + [job(100, "RUNNING", progress=0.5)]
    (line,) = asked(job(101, "BLOCKED", *range(1, 101)), *parents)
    assert (
        line == "waits for 100 train hybrid (RUNNING 50%), 1 train hybrid (READY), 2 train hybrid (READY) and 97 more"
    )


def test_a_chain_is_followed_to_what_runs() -> None:
    lines = asked(job(4, "BLOCKED", 3), job(3, "BLOCKED", 2), job(2, "BLOCKED", 1), job(1, "RUNNING", progress=0.1))
    assert lines == ["waits for 3 train hybrid (BLOCKED)", "that waits for 1 train hybrid (RUNNING 10%)"]


def test_a_chain_that_nobody_works_on_says_why_not() -> None:
    lines = asked(job(2, "BLOCKED", 1), job(1, "READY"), hands=Hands())
    assert lines == [
        "waits for 1 train hybrid (READY)",
        "1 is next in line: no worker is alive; `lab up` starts one",
    ]


def test_a_parent_that_is_not_in_the_table_is_named_by_its_id() -> None:
    assert asked(job(2, "BLOCKED", 1)) == ["waits for job 1"]


@pytest.mark.parametrize(
    ("hands", "reason"),
    [
        (Hands(), "no worker is alive; `lab up` starts one"),
        (Hands(silent=2), "no worker is alive, 2 said nothing for a lease; `lab up` starts one"),
        (
            Hands(1, 0, 1),
            "the only worker drains and will take no more; `lab up` starts another, `lab drain --undo` keeps",
        ),
        (Hands(2, 0, 2), "all 2 workers drain and will take no more"),
        (replace(ONE_GPU, paused_by="maya@gpu01"), "the queue is paused by maya@gpu01; `lab resume` lets it go on"),
        (ONE_GPU, "the only device is busy"),
        (Hands(1, devices=("cpu",)), "the only device is busy, no GPU among them"),
        (Hands(1, devices=("cuda:0", "cuda:1")), "a worker takes it within seconds"),
    ],
)
def test_a_ready_job_says_its_place_and_why_nobody_takes_it(hands: Hands, reason: str) -> None:
    (line,) = asked(job(2, "READY"), job(1, "RUNNING"), hands=hands)
    assert line.startswith(f"next in line: {reason}")


def test_all_devices_are_busy_and_others_come_first() -> None:
    rows = [job(1, "RUNNING"), job(2, "RUNNING"), job(3, "READY"), job(4, "READY")]
    assert asked(job(5, "READY"), *rows, hands=Hands(2, devices=("cuda:0", "cuda:1"))) == [
        "3rd in line: all 2 devices are busy"
    ]


@pytest.mark.parametrize(
    ("left", "hands", "said"),
    [
        (4.2, ONE_GPU, "tried again within 4s"),
        (0.3, ONE_GPU, "tried again within 1s"),
        (-3.0, ONE_GPU, "tried again any moment now"),
        (4.2, Hands(), "tried again once a worker is alive; `lab up` starts one"),
    ],
)
def test_a_job_that_failed_is_tried_again_after_its_pause(left: float, hands: Hands, said: str) -> None:
    assert asked(job(1, "RETRY_WAIT"), hands=hands, pauses={1: left}) == [said]


def test_a_worker_that_drains_has_no_hand_free() -> None:
    def worker(state: str, *devices: str) -> Worker:
        return Worker(
            id=state, host="h", machine="m", pid=1, pid_started=0.0, devices=list(devices), version="1", state=state
        )

    assert Hands.of([worker("alive", "cuda:0", "cuda:1"), worker("draining", "cpu")], 3, "maya") == Hands(
        2, 3, 1, ("cuda:0", "cuda:1"), "maya"
    )
