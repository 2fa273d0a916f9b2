"""Overview on a real database: what it says, and where its keys lead."""

from __future__ import annotations

import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tui_lab
from sqlmodel import text
from tui_pilot import NARROW, go, line_with, opened, pressed, settled, shown, shows, until

from lab.db import pause
from lab.db.engine import writing
from lab.db.glance import Pace, Running
from lab.db.looks import looks, note_look
from lab.db.queries import get_study
from lab.tui.app import LabApp
from lab.tui.feeds.overview import OverviewFeed, seconds_left
from lab.tui.feeds.status import StatusFeed
from lab.tui.screens.jobs import JobsScreen
from lab.tui.screens.log import LogScreen
from lab.tui.screens.overview import moment

pytestmark = pytest.mark.usefixtures("artifacts")
_Disk = namedtuple("_Disk", "total used free")


# ---------------------------------------------------------------- an empty lab


async def test_an_empty_lab_says_what_to_do_first() -> None:
    async with opened(tab="overview") as pilot:
        screen = shown(pilot)
        assert "▸   7  Data" in screen
        assert "n  New study" in screen
        assert "make demo" in screen


async def test_with_data_the_next_step_is_a_study(data: Path) -> None:
    tui_lab.import_data(str(data))
    async with opened(tab="overview") as pilot:
        screen = shown(pilot)
        assert "✓ 7  Data" in screen
        assert "▸   n  New study" in screen


async def test_the_first_steps_fit_a_small_terminal() -> None:
    async with opened(NARROW, tab="overview") as pilot:
        assert "make demo" in shown(pilot)


# ---------------------------------------------------------------- studies


async def test_a_study_says_how_far_it_is(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="overview") as pilot:
        line = line_with(shown(pilot), "▸ smart-home-6")
        for word in ("home", "smollm2-135m", "4/12", "1 running", "7 waiting", "base .610", "2h"):
            assert word in line


async def test_the_best_method_on_val_is_told_against_unified_and_test_is_never_read(data: Path) -> None:
    study = tui_lab.done(data)
    async with opened(tab="overview") as pilot:
        assert "hybrid .873 +.040" in line_with(shown(pilot), "12/12", "done")
    assert looks(study.dataset) == []


async def test_scores_of_test_alone_say_nothing_here(data: Path) -> None:
    tui_lab.done(data)
    with writing() as session:
        session.connection().execute(text("""UPDATE job SET spec = replace(spec, '"val"', '"test"')"""))
    async with opened(tab="overview") as pilot:
        assert "hybrid" not in line_with(shown(pilot), "12/12", "done")


async def test_enter_leads_to_the_jobs_of_a_study_that_goes_on(data: Path) -> None:
    tui_lab.busy(data)
    tui_lab.queue_study(data, "second", ("base",))
    async with opened(tab="overview") as pilot:
        await pressed(pilot, "end", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "jobs")
        assert isinstance(pilot.app, LabApp)
        assert pilot.app.study == "smart-home-6"
        assert "only study smart-home-6  12 of" in await shows(pilot, "only study smart-home-6")


async def test_enter_leads_to_the_results_of_a_study_that_is_done(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="overview") as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.current_mode == "results")


async def test_what_happens_appears_by_itself(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="overview") as pilot:
        tui_lab.finish(*_running())
        screen = await shows(pilot, "7 train persona succeeded in smart-home-6")
        assert "5/12" in line_with(screen, "▸ smart-home-6", "home")


def _running() -> tuple[tui_lab.Lease, tui_lab.Job]:
    with writing() as session:
        job = session.exec(tui_lab.select(tui_lab.Job).where(tui_lab.Job.state == "RUNNING")).one()
        return tui_lab.Lease(job.id or 0, job.attempt, job.owner or ""), job


# ---------------------------------------------------------------- what asks for attention


async def test_a_failed_job_is_told_with_its_sentence_and_what_to_do(data: Path) -> None:
    tui_lab.failed(data)
    async with opened(tab="overview") as pilot:
        screen = shown(pilot)
        assert "✗ smart-home-6: job 2 evaluate base is FAILED: CUDA out of memory" in screen
        assert "e: go there" in screen
        assert "no worker is alive" in screen


async def test_e_goes_to_the_failed_jobs_of_a_study_even_where_another_page_of_jobs_was_open(data: Path) -> None:
    tui_lab.failed(data)
    tui_lab.queue_study(data, "second", ("retrieval-k1",))
    async with opened(tab="jobs") as pilot:
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        await go(pilot, "overview")
        assert "e failed jobs" in shown(pilot)
        await pilot.press("e")
        await shows(pilot, "only study smart-home-6")
        screen = pilot.app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, lambda: screen.shown_job == 2)
        await settled(pilot)
        assert screen.shown_job == 2
        await shows(pilot, "r retry")


async def test_where_nothing_failed_no_key_for_it_is_shown(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="overview") as pilot:
        assert "failed jobs" not in shown(pilot)


async def test_a_done_study_asks_to_be_looked_at_until_it_was(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="overview") as pilot:
        assert "smart-home-6 is done, and nobody has looked at its results" in shown(pilot)
        note_look(get_study().id, "somebody")
        await until(pilot, lambda: "nobody has looked" not in shown(pilot))


async def test_a_full_disk_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tui_lab.busy(data)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Disk(10 << 30, 9 << 30, 812 << 20))
    async with opened(tab="overview") as pilot:
        assert "only 812 MiB are free in" in shown(pilot)


def test_a_worker_whose_counter_stands_still_is_silent(data: Path) -> None:
    tui_lab.busy(data)
    clock = [0.0]
    status, feed = StatusFeed(lambda: clock[0]), OverviewFeed(lambda: clock[0])
    assert not feed.read(status.read(None)).workers[0].silent
    clock[0] = 61.0
    view = feed.read(status.read(None))
    assert view.workers[0].silent
    assert [one.what for one in view.attention if one.tone == "warn"] == [
        "worker gpu01:4242 has been silent for 1m01s; its jobs go to others"
    ]


async def test_a_paused_queue_is_told_in_the_header_and_below_it(data: Path) -> None:
    tui_lab.busy(data)
    pause.pause("work", "maya@gpu02")
    async with opened(tab="overview") as pilot:
        screen = shown(pilot)
        assert "queue paused" in screen.splitlines()[0]
        assert "the queue is paused by maya@gpu02: jobs wait, chat goes on" in screen
        pause.resume("work")
        await until(pilot, lambda: "queue paused" not in shown(pilot))


async def test_a_row_that_no_lab_has_written_costs_a_sentence_not_the_screen(data: Path) -> None:
    tui_lab.done(data)
    with writing() as session:
        session.connection().execute(text("UPDATE study SET spec = '{}'"))
    async with opened(tab="overview") as pilot:
        assert "what was read is not what this lab writes" in shown(pilot)
        await settled(pilot)
        assert pilot.app.is_running


# ---------------------------------------------------------------- how long


def test_the_time_left_is_the_longest_job_or_all_of_them_shared_out() -> None:
    pace = Pace({"train": 2, "evaluate": 4}, (Running("train", 0.5, None),), {"train": 100.0, "evaluate": 10.0})
    assert seconds_left(pace, lanes=1) == 50 + 200 + 40
    assert seconds_left(pace, lanes=2) == 145
    assert seconds_left(pace, lanes=50) == 100


def test_what_a_running_job_says_itself_counts_first() -> None:
    assert seconds_left(Pace({}, (Running("train", 0.5, 7.0),), {"train": 100.0}), lanes=1) == 7


def test_nothing_is_said_of_a_kind_of_job_that_was_never_seen() -> None:
    assert seconds_left(Pace({"merge": 1}, (), {"train": 100.0}), lanes=1) is None
    assert seconds_left(Pace({}, (Running("merge", 0.5, None),), {}), lanes=1) is None


def test_events_of_today_have_a_time_and_older_ones_an_age() -> None:
    now = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    assert moment(now - timedelta(minutes=5), now) == "09:25:00"
    assert moment(now - timedelta(days=3), now) == "3d ago"
