"""What is done to jobs: cancelled, tried again, moved in the queue; one by one, and all that are marked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import tui_lab
from textual import events
from tui_pilot import line_with, opened, pressed, settled, shown, shows, typed, until

from lab.db import jobs, queries
from lab.tui.screens.jobs import JobsScreen
from lab.tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("artifacts")


def _state(job: int) -> str:
    return queries.get_job(job).row.state


async def test_a_running_job_is_cancelled_only_after_a_question(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("c")
        assert f"Cancel job {lease.job} train persona, 62% done?" in shown(pilot)
        await pressed(pilot, "n")
        assert not queries.get_job(lease.job).row.cancel_requested
        await pilot.press("c", "y")
        screen = await shows(pilot, "CANCELLING")
        assert "asked to stop" in screen
        assert queries.get_job(lease.job).row.cancel_requested


async def test_the_question_takes_the_keys_so_that_q_does_not_quit_meanwhile(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("c", "q")
        await settled(pilot)
        assert pilot.app.is_running
        assert "Cancel job" not in shown(pilot)


async def test_a_waiting_job_is_cancelled_at_once_with_what_waits_for_it(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("down", "down", "down")  # train hybrid
        await pilot.press("c")
        await shows(pilot, "job 10 is cancelled")
        assert [_state(job) for job in (10, 11, 12)] == ["CANCELLED", "SKIPPED", "SKIPPED"]
        screen = await shows(pilot, "job 10 before it did not succeed")
        assert "SKIPPED" in screen


async def test_a_broken_job_is_tried_again_with_what_was_skipped(data: Path) -> None:
    tui_lab.failed(data)
    async with opened() as pilot:
        assert "CUDA out of memory" in line_with(shown(pilot), "FAILED")
        await pilot.press("e", "r")
        await shows(pilot, "job 2 is READY again")
        assert _state(2) == "READY"
        screen = await until(pilot, lambda: "FAILED" not in shown(pilot))
        assert "0 workers" in screen


async def test_an_answer_that_was_typed_before_the_question_stood_there_answers_it(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        for key in ("c", "y"):  # as they come over a slow line: in one piece
            pilot.app.post_message(events.Key(key, key))
        await shows(pilot, f"job {lease.job} is asked to stop")
        assert isinstance(pilot.app.screen, JobsScreen)


async def test_what_cannot_be_done_is_said_in_place(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("r")
        await shows(pilot, "is RUNNING: only FAILED, DEAD and CANCELLED")
        await pilot.press("plus")
        await shows(pilot, "only a waiting job has a place in the queue")
        await pilot.press("end", "c")
        await shows(pilot, "has already ended")
        await pilot.press("e")
        assert "no job has failed" in shown(pilot)


async def test_priority_moves_a_job_up_in_the_queue(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("down", "down", "down", "p")
        assert "Priority of job 10 is +0" in shown(pilot)
        await pilot.press("plus")
        await until(pilot, lambda: "priority +1" in line_with(shown(pilot), " 10  train"))
        rows = [line.split()[0] for line in shown(pilot).splitlines() if "READY" in line]
        assert rows[0] == "10"
        await pilot.press("minus", "minus")
        await until(pilot, lambda: queries.get_job(10).row.priority == -1)


async def test_marked_jobs_are_cancelled_after_one_question_and_told_in_one_sentence(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "slash")
        await typed(pilot, "kind:train|recipes")
        await pressed(pilot, "enter")
        screen = await pressed(pilot, "a")
        assert "● 4 marked" in screen
        await pressed(pilot, "c")
        assert "Cancel 4 marked jobs, 1 running, 2 ended?" in shown(pilot)
        await pressed(pilot, "n")
        assert _state(10) == "READY"
        await pressed(pilot, "c", "y")
        await shows(pilot, "1 cancelled, 1 asked to stop, 2 had ended already")
        assert "marked" not in await until(pilot, lambda: "● 4" not in shown(pilot))
        assert [_state(job) for job in (10, 11, 1)] == ["CANCELLED", "SKIPPED", "SUCCEEDED"]


async def test_a_job_and_what_waits_for_it_are_both_cancelled_when_both_are_marked(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "slash")
        await typed(pilot, "hybrid")
        await pressed(pilot, "enter", "a", "c", "y")
        await shows(pilot, "3 cancelled")
        assert [_state(job) for job in (10, 11, 12)] == ["CANCELLED"] * 3
        await pressed(pilot, "a", "r")
        assert "Try 3 marked jobs?" in shown(pilot)
        await pressed(pilot, "y")
        await shows(pilot, "3 tried again")
        assert [_state(job) for job in (10, 11, 12)] == ["READY", "BLOCKED", "BLOCKED"]


async def test_marked_jobs_are_tried_again_with_those_that_were_skipped(data: Path) -> None:
    tui_lab.failed(data)
    async with opened() as pilot:
        await pressed(pilot, "a", "r")
        assert "Try 12 marked jobs, " in shown(pilot)
        await pressed(pilot, "y")
        screen = await shows(pilot, "tried again")
        assert "1 tried again, 11 not broken" in screen
        assert _state(2) == "READY"


async def test_marked_jobs_keep_their_marks_while_their_priority_is_shifted(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "a", "p")
        assert "Priority of 12 marked jobs" in shown(pilot)
        await pressed(pilot, "plus")
        await shows(pilot, "7 raised by 1, 5 do not wait")
        await pressed(pilot, "minus")
        assert "Lower the priority of 12 marked jobs?" in shown(pilot)
        await pressed(pilot, "y")
        await shows(pilot, "7 lowered by 1")
        assert {row.priority for row in queries.list_jobs() if row.state == "READY"} == {0}
        assert "● 12 marked" in shown(pilot)


async def test_marks_out_of_sight_count_and_esc_first_unmarks_then_shows_all(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "space", "slash")
        await typed(pilot, "hybrid")
        await pressed(pilot, "enter", "space")
        screen = await pressed(pilot, "c")
        assert "Cancel 2 marked jobs, 1 running?" in screen
        assert "● 2 marked" in screen
        await pressed(pilot, "n", "escape")
        assert "marked" not in shown(pilot)
        assert "only hybrid" in shown(pilot)
        await pressed(pilot, "escape")
        assert "only hybrid" not in shown(pilot)


async def test_a_long_act_says_how_far_it_is_and_the_table_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tui_lab.busy(data)
    go_on = threading.Event()
    cancel = jobs.cancel

    def slowly(job: int) -> object:
        go_on.wait(20)
        return cancel(job)

    monkeypatch.setattr(jobs, "cancel", slowly)
    async with opened() as pilot:
        await pressed(pilot, "a", "c", "y")
        await shows(pilot, "cancelling: 0 of 12")
        await pressed(pilot, "down")
        assert pilot.app.screen.query_one("#jobs", Table).row.id == 5
        await pressed(pilot, "r", "y")
        await shows(pilot, "still cancelling")
        go_on.set()
        await shows(pilot, "had ended already")
