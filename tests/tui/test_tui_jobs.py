"""Jobs: what the table, its filter and the page of a job show, on a real database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tui_lab
from sqlmodel import text, update
from textual.events import Key
from textual.pilot import Pilot
from tui_pilot import NARROW, line_with, opened, picking, pressed, settled, shown, shows, typed, until

from lab.db import jobs, pause, queries
from lab.db.engine import writing
from lab.db.tables import JobLog, Worker
from lab.tui.feeds.job import JobFeed
from lab.tui.screens.job import JobScreen
from lab.tui.screens.jobs import JobsScreen
from lab.tui.screens.log import LogScreen
from lab.tui.text import fit_line
from lab.tui.widgets.filter_line import FilterLine
from lab.tui.widgets.job_detail import curve_title
from lab.tui.widgets.jobs_table import JobsTable

pytestmark = pytest.mark.usefixtures("artifacts")


async def test_an_empty_lab_says_what_to_do_next() -> None:
    async with opened() as pilot:
        screen = shown(pilot)
        assert "lab run --data" in screen
        assert "make demo" in screen
        assert "no study yet" in screen
        assert "no worker is alive" in screen


async def test_the_table_says_what_each_job_does_or_waits_for(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        screen = shown(pilot)
        running = line_with(screen, "RUNNING")
        for word in (str(lease.job), "train", "persona", "62%", "3m12s", "cuda:0", "smart-home-6", "0.412", "0.533"):
            assert word in running
        assert "waits for 7" in line_with(screen, "BLOCKED")
        assert "smart-home-6 ▸ 4/12 jobs" in screen
        assert "1 worker" in screen
        assert "3 ready" in screen
        assert "no worker is alive" not in screen


async def test_curve_and_log_are_of_the_job_under_the_cursor(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        assert "checkpoint 186" in shown(pilot)
        assert "━ train 0.4" in shown(pilot)
        screen = await pressed(pilot, "down")
        assert "checkpoint 186" not in screen
        assert "nothing yet" in screen


async def test_what_a_worker_writes_appears_by_itself(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        jobs.record(lease, [], ["val 0.498, best so far"])
        jobs.beat(lease, {"progress": 0.75, "eta_seconds": 100})
        await until(pilot, lambda: "75%" in shown(pilot) and "best so far" in shown(pilot))
        assert "1m40s" in line_with(shown(pilot), "RUNNING")


async def test_the_cursor_is_on_the_running_job_until_a_hand_is_laid_on_the_table(data: Path) -> None:
    tui_lab.queue_study(data)
    tui_lab.add_worker()
    first = tui_lab.claim()
    async with opened() as pilot:
        await until(pilot, lambda: _selected(pilot) == first[0].job)
        tui_lab.finish(*first)
        second = tui_lab.claim()
        await until(pilot, lambda: _selected(pilot) == second[0].job)
        await pressed(pilot, "3", "2", "down", "up")
        tui_lab.finish(*second)
        third = tui_lab.claim()
        await until(pilot, lambda: line_with(shown(pilot), "RUNNING").split()[0] == str(third[0].job))
        assert _selected(pilot) == second[0].job


def _selected(pilot: Pilot[None]) -> int | None:
    row = pilot.app.screen.query_one(JobsTable).row
    return row.id if row else None


async def test_v_goes_through_the_groups_and_back_to_their_mean(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        assert "mean over groups" in shown(pilot)
        await pilot.press("v")
        assert " maya" in await until(pilot, lambda: "━ val" not in shown(pilot))
        assert " otto" in line_with(await pressed(pilot, "v"), "━ train")
        assert "mean over groups" in await pressed(pilot, "v")
        assert " otto" in line_with(await pressed(pilot, "V"), "━ train")


async def test_the_filter_narrows_while_typing_stays_and_goes(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("slash")
        await typed(pilot, "hybrid blocked")
        await settled(pilot)
        assert [job.id for job in _jobs_screen(pilot).table.rows] == [11, 12]
        screen = await pressed(pilot, "enter")
        assert [job.id for job in _jobs_screen(pilot).table.rows] == [11, 12]
        assert "only hybrid blocked  2 of 12 jobs  esc shows all" in screen
        await pilot.press("slash")
        await typed(pilot, "x")
        assert "no job is left by these filters" in await pressed(pilot, "enter")
        await pressed(pilot, "escape")
        assert len(_jobs_screen(pilot).table.rows) == 12
        assert not pilot.app.screen.query_one(FilterLine).display


async def test_fields_and_regexes_narrow_and_a_broken_one_is_told_while_all_stay(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("slash")
        assert "a|b either" in shown(pilot)
        await typed(pilot, "state:")
        assert "BLOCKED 4" in await shows(pilot, "SUCCEEDED 4")
        await typed(pilot, "blo")
        await settled(pilot)
        assert [job.id for job in _jobs_screen(pilot).table.rows] == [8, 9, 11, 12]
        await shows(pilot, "state:blocked")  # offered
        await pressed(pilot, "right")
        assert pilot.app.screen.query_one(FilterLine).value == "state:blocked"
        await typed(pilot, " /[hx")
        screen = await shows(pilot, "not a regex yet")
        assert "all rows are shown" in screen
        assert "only" not in screen.splitlines()[1]
        assert len(_jobs_screen(pilot).table.rows) == 12
        await typed(pilot, "]yb/")
        await settled(pilot)
        assert [job.id for job in _jobs_screen(pilot).table.rows] == [11, 12]
        assert "not a regex" not in shown(pilot)


async def test_the_table_is_sorted_by_any_column_and_by_a_click(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        table = _jobs_screen(pilot).table
        before = [job.id for job in table.rows]
        assert "▴id" in await pressed(pilot, "o")
        assert [job.id for job in table.rows] == list(range(1, 13))
        assert "▾id" in await pressed(pilot, "O")
        assert [job.id for job in table.rows] == list(range(12, 0, -1))
        header = next(line for line in shown(pilot).splitlines() if "method" in line)
        await pilot.click("#jobs", offset=(header.index("loss"), 0))
        await settled(pilot)
        assert [job.id for job in table.rows][:2] == [4, 7]
        assert "▴loss" in shown(pilot)
        for _ in range(2):
            await pilot.click("#jobs", offset=(header.index("loss"), 0))
        assert [job.id for job in table.rows] == before


async def test_why_a_job_waits_is_said_below_the_table(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "down")
        assert "next in line: the only device is busy" in shown(pilot)
        await pressed(pilot, "down", "down", "down")
        assert "waits for 7 train persona (RUNNING 62%, 3m12s left)" in shown(pilot)
        screen = await pressed(pilot, "enter")
        assert "waits for 7 train persona (RUNNING 62%, 3m12s left)" in screen
        pause.pause("work", "maya@gpu01")
        await pressed(pilot, "escape", "up")
        await shows(pilot, "3rd in line: the queue is paused by maya@gpu01")


async def test_a_job_that_failed_says_when_it_is_tried_again(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        jobs.fail(lease, "out of memory")
        await shows(pilot, "tried again within")


async def test_f_shows_the_study_at_the_top_only_and_s_chooses_it(data: Path) -> None:
    tui_lab.queue_study(data, "older", ("base", "unified"))
    tui_lab.queue_study(data, "newer", ("base", "persona"))
    async with opened() as pilot:
        everything = len(_jobs_screen(pilot).table.rows)
        assert "only study newer  6 of 9 jobs  esc shows all" in await pressed(pilot, "f")
        assert {job.method for job in _jobs_screen(pilot).table.rows} == {"base", "persona"}
        await pilot.press("s")
        await picking(pilot)
        await typed(pilot, "old")
        await pilot.press("enter")
        await shows(pilot, "older ▸ 0/")
        await settled(pilot)
        assert {job.method for job in _jobs_screen(pilot).table.rows} == {"base", "unified"}
        assert "only study older" in shown(pilot)
        assert "only study" not in await pressed(pilot, "escape")
        assert len(_jobs_screen(pilot).table.rows) == everything


async def test_enter_opens_the_page_of_a_job_and_l_its_log_alone(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(pilot.app.screen, JobScreen)
        screen = shown(pilot)
        title = line_with(screen, "RUNNING")
        for words in ("7 train persona", " 62%", "3m12s left", "loss 0.412", "val 0.533"):
            assert words in title
        assert "step 186" not in screen  # one group's
        assert "stands on job" not in screen
        assert "jobs 8, 9 wait for it" in screen
        assert "━ train 0.4" in screen
        assert "checkpoint 186" in screen
        await pilot.press("v")
        await until(pilot, lambda: " maya" in line_with(shown(pilot), "━ train"))
        await pilot.press("l")
        await settled(pilot)
        assert isinstance(pilot.app.screen, LogScreen)
        assert " 62%" in line_with(shown(pilot), "RUNNING")
        await pressed(pilot, "escape", "escape")
        assert isinstance(pilot.app.screen, JobsScreen)


@pytest.mark.parametrize("keys", [("enter", "enter"), ("enter", "3", "2"), ("enter", "3", "2", "enter", "enter")])
async def test_enter_with_keys_right_behind_it_opens_one_page_at_most_and_on_its_own_tab(
    keys: tuple[str, ...], data: Path
) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        app = pilot.app
        for key in keys:  # as they come when they are held: none waits for what the one before does
            app.post_message(Key(key, key if len(key) == 1 else None))
        await settled(pilot)
        pages = {mode: stack[1:] for mode, stack in app._screen_stacks.items()}
        assert len(pages.pop("jobs")) <= 1
        assert not any(pages.values())


async def test_the_page_of_the_next_job_shows_nothing_of_the_one_before(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        first = await pressed(pilot, "enter")
        assert "7 train persona" in line_with(first, "RUNNING")
        await pressed(pilot, "escape", "down")
        second = await pressed(pilot, "enter")
        assert isinstance(pilot.app.screen, JobScreen)
        assert pilot.app.screen.shown_job != 7
        assert "7 train persona" not in second
        assert "━ train" not in second
        assert "checkpoint 186" not in second
        await pressed(pilot, "escape", "up")
        assert (await pressed(pilot, "enter")).splitlines()[1:] == first.splitlines()[1:]


async def test_the_page_of_a_failed_job_says_why(data: Path) -> None:
    tui_lab.failed(data)
    async with opened() as pilot:
        await pilot.press("e", "enter")
        await settled(pilot)
        screen = shown(pilot)
        assert "2 evaluate base/val  FAILED" in screen
        assert screen.count("lower batch_size, or groups in flight") == 1
        assert "  out of memory" in screen
        assert "stands on job 1" in screen
        assert "RETRY_WAIT" not in await pressed(pilot, "escape")
        assert isinstance(pilot.app.screen, JobsScreen)


async def test_ready_jobs_say_their_place_in_line_whatever_is_filtered(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        assert [line.split()[0] for line in shown(pilot).splitlines() if "in line" in line] == ["5", "6", "10"]
        places = [line.split("READY")[1].strip() for line in shown(pilot).splitlines() if "in line" in line]
        assert [place.split("  ")[0] for place in places] == ["next in line", "2nd in line", "3rd in line"]
        await pilot.press("slash")
        await typed(pilot, "hybrid")
        await until(pilot, lambda: "3rd in line" in line_with(shown(pilot), " 10  train"))


async def test_it_stays_with_its_study_when_another_is_added(data: Path) -> None:
    tui_lab.queue_study(data, "older", ("base", "unified"))
    async with opened() as pilot:
        tui_lab.queue_study(data, "newer", ("base", "persona"))
        await shows(pilot, "a new study was added: newer; s shows it")
        await settled(pilot)
        assert "older ▸" in shown(pilot)
        assert "newer ▸" not in shown(pilot)


async def test_a_narrow_table_says_what_it_leaves_out_and_arrows_show_it(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(NARROW) as pilot:
        screen = shown(pilot)
        assert "method +" in screen
        assert "→ more columns" in screen.splitlines()[-1]
        assert "tries" not in screen
        screen = await pressed(pilot, "right")
        assert "tries" in screen
        assert "smart-home-6" in line_with(screen, "7  train")
        assert "tries" not in await pressed(pilot, "left")


async def test_the_keys_for_help_and_leaving_are_in_sight_at_any_width(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(NARROW) as pilot:
        for keys, tabs in (
            ((), "1 2 Jobs  3 4 5 6 7 ?"),
            (("3",), "1 2 3 Results  4 5 6 7 ?"),
            (("enter",), "3 Results"),
        ):
            screen = await pressed(pilot, *keys)
            assert screen.splitlines()[-1].rstrip().endswith("? help  q quit")
            assert tabs in screen.splitlines()[0]


async def test_the_palette_offers_what_the_keys_of_the_screen_do(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("ctrl+p")
        await shows(pilot, "key c")
        assert "Screenshot" not in shown(pilot)
        await typed(pilot, "only this study")
        await until(pilot, lambda: "key f" in shown(pilot) and "key c" not in shown(pilot))
        await pilot.press("enter")
        await shows(pilot, "only study smart-home-6")


@pytest.mark.parametrize("cells", [30, 44, 69])
def test_a_long_group_name_keeps_its_end(cells: int, data: Path) -> None:
    lease = tui_lab.busy(data)
    view = JobFeed().read(lease.job, "otto")
    sweep = replace(view, group="everyone learning_rate=0.0005")
    title = "".join(text for text, _ in fit_line(curve_title(sweep, cells), cells))
    assert "0.0005" in title


async def test_text_from_a_job_is_never_markup_or_escape(data: Path) -> None:
    lease = tui_lab.busy(data)
    jobs.beat(lease, {"note": "\x1b[2J[red]note[/red]"})
    with writing() as session:
        session.execute(update(JobLog).values(text="\x1b]0;owned\x07[bold]plain[/bold] \u202etxt"))
    async with opened() as pilot:
        screen = shown(pilot)
        assert "[bold]plain[/bold] txt" in screen
        assert "\x1b" not in screen
        assert "\u202e" not in screen


async def test_a_worker_that_went_silent_is_missed(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        assert "no worker is alive" not in shown(pilot)
        with writing() as session:
            session.execute(update(Worker).values(state="gone"))
        screen = await shows(pilot, "no worker is alive")
        assert "lab up" in screen


async def test_a_database_that_breaks_is_said_in_place_and_found_again(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        with writing() as session:
            session.execute(text("ALTER TABLE joblog RENAME TO elsewhere"))
        screen = await shows(pilot, "cannot be used (no such table: joblog)")
        assert "RUNNING" in screen
        with writing() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO joblog"))
        await until(pilot, lambda: "cannot be used" not in shown(pilot))


async def test_help_lists_the_keys_and_q_leaves_while_jobs_stay(data: Path) -> None:
    lease = tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.press("question_mark")
        screen = shown(pilot)
        for words in ("cancel", "retry", "next curve", "filter", "quit"):
            assert words in screen
        await pilot.press("escape", "q")
    assert queries.get_job(lease.job).row.state == "RUNNING"
    assert not queries.get_job(lease.job).row.cancel_requested


async def test_the_tabs_can_be_clicked(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pilot.click("Header", offset=(shown(pilot).splitlines()[0].index("Results") + 2, 0))
        await until(pilot, lambda: pilot.app.current_mode == "results")


def _jobs_screen(pilot: object) -> JobsScreen:
    screen = pilot.app.screen  # type: ignore[attr-defined]
    assert isinstance(screen, JobsScreen)
    return screen
