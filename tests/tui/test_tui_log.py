"""The log of a job: it follows, is scrolled and searched."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from tui_pilot import NARROW, opened, pressed, settled, shown, shows, typed, until

from lab.db import jobs
from lab.tui.screens.jobs import JobsScreen
from lab.tui.screens.log import LogScreen
from lab.tui.widgets.log import Log

pytestmark = pytest.mark.usefixtures("artifacts")


async def test_a_log_follows_until_one_scrolls_and_again_from_its_end(data: Path) -> None:
    lease = tui_lab.busy(data)
    jobs.record(lease, [], [f"line {number}" for number in range(100)])
    async with opened(NARROW) as pilot:
        await pilot.press("l")
        await settled(pilot)
        log = pilot.app.screen.query_one(Log)
        assert "line 99" in shown(pilot)
        await pilot.press("pageup")
        await settled(pilot)
        assert "scrolled" in shown(pilot)
        jobs.record(lease, [], ["a new line"])
        await settled(pilot)
        assert "a new line" not in shown(pilot)
        await pilot.press("end")
        await settled(pilot)
        assert "a new line" in shown(pilot)
        jobs.record(lease, [], ["and another"])
        await shows(pilot, "and another")
        assert log.at_end


async def test_a_log_is_searched_in_place_and_n_goes_on(data: Path) -> None:
    lease = tui_lab.busy(data)
    jobs.record(lease, [], [f"line {number}" + " \x1b[31mneedle" * (number % 40 == 0) for number in range(120)])
    async with opened(NARROW) as pilot:
        await pressed(pilot, "l", "slash")
        await typed(pilot, "NEEDLE")
        screen = await shows(pilot, "line 3 of 3")
        assert "line 80 needle" in screen
        assert "n next match" in await pressed(pilot, "enter")
        assert "line 1 of 3" in await pressed(pilot, "n")
        assert "line 0 needle" in shown(pilot)
        assert "scrolled: end follows again" in shown(pilot)
        assert "line 3 of 3" in await pressed(pilot, "N")
        jobs.record(lease, [], ["another needle"])
        await shows(pilot, "line 3 of 4")
        await pressed(pilot, "slash")
        await typed(pilot, "s")
        await until(pilot, lambda: "needles is nowhere" in shown(pilot) or "NEEDLEs is nowhere" in shown(pilot))
        await pressed(pilot, "escape")
        assert "needles" not in shown(pilot)
        assert isinstance(pilot.app.screen, LogScreen)
        await pressed(pilot, "end")
        assert "following" in shown(pilot)
        await pressed(pilot, "escape")
        assert isinstance(pilot.app.screen, JobsScreen)


async def test_a_log_is_searched_by_regex_and_a_broken_one_is_told(data: Path) -> None:
    tui_lab.busy(data)
    async with opened() as pilot:
        await pressed(pilot, "l", "slash")
        await typed(pilot, "/val 0\\.5[3-6]/")
        await shows(pilot, "of 2")
        await typed(pilot, "[")
        await shows(pilot, "not a regex yet")
