"""The page of curves: zoom, logarithm, cursor, and other runs laid over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import opened, pressed, settled, shown, shows, typed, until

from lab.tui.feeds import chart
from lab.tui.screens.chart import ChartScreen
from lab.tui.screens.overlay import MOST, OverlayScreen
from lab.tui.widgets.chart import Chart
from lab.tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("artifacts")


@asynccontextmanager
async def looking(data: Path) -> AsyncIterator[Pilot[None]]:
    tui_lab.busy(data)
    async with opened(tab="jobs") as pilot:
        await shows(pilot, "checkpoint 186")
        await pilot.press("z")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChartScreen) and "a ━ 7 persona" in shown(pilot))
        yield pilot


async def choosing(pilot: Pilot[None]) -> OverlayScreen:
    await pilot.press("o")
    await until(pilot, lambda: isinstance(pilot.app.screen, OverlayScreen) and bool(pilot.app.screen.query(Table)))
    screen = pilot.app.screen
    assert isinstance(screen, OverlayScreen)
    await until(pilot, lambda: bool(screen.query_one(Table).rows))
    return screen


async def test_the_curves_of_a_job_fill_the_screen_with_their_last_values(data: Path) -> None:
    async with looking(data) as pilot:
        screen = shown(pilot)
        assert "a ━ 7 persona · train" in screen
        assert "0.460 at 186" in screen
        assert "b ━ 7 persona · val" in screen
        assert "0.526 at 180" in screen


async def test_the_cursor_shows_step_and_value_of_every_curve(data: Path) -> None:
    async with looking(data) as pilot:
        screen = await pressed(pilot, "left", "left")
        assert "step 185" in screen
        assert screen.count("│ ") >= 2
        assert "0.526 at 180" in screen.splitlines()[-2].partition("│")[2]
        for _ in range(3):
            await pilot.press("pageup")
        screen = await pressed(pilot, "right")
        assert "step 144" in screen
        await pressed(pilot, "escape")
        assert isinstance(pilot.app.screen, ChartScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ChartScreen))


async def test_plus_and_minus_zoom_around_the_cursor_and_nought_shows_all(data: Path) -> None:
    async with looking(data) as pilot:
        assert "steps 94–186 of 186, zoom 2×" in await pressed(pilot, "plus")
        assert "steps 140–186 of 186, zoom 4×" in await pressed(pilot, "plus")
        assert "zoom 2×" in await pressed(pilot, "minus")
        assert "zoom" not in (await pressed(pilot, "0")).splitlines()[1]
        for _ in range(20):
            await pilot.press("plus")
        assert "steps 182–186" in await pressed(pilot)


async def test_y_draws_logarithms(data: Path) -> None:
    async with looking(data) as pilot:
        before = shown(pilot)
        assert "logarithm of the loss" in await pressed(pilot, "y")
        assert "logarithm" not in await pressed(pilot, "y")
        assert shown(pilot) == before


async def test_curves_of_groups_and_of_other_jobs_are_laid_over(data: Path) -> None:
    async with looking(data) as pilot:
        screen = await choosing(pilot)
        table = screen.query_one(Table)
        table.select(chart.Curve(7, "persona", "train", "maya"))
        await pilot.press("space")
        table.select(chart.Curve(4, "unified", "train"))
        await pilot.press("space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChartScreen))
        await settled(pilot)
        said = await shows(pilot, "c ━ 7 persona · maya · train")
        assert "0.760 at 186" in said
        assert "d ━ 4 unified · train" in said
        assert "no point yet" in said


async def test_a_search_narrows_what_can_be_laid_over_and_esc_changes_nothing(data: Path) -> None:
    async with looking(data) as pilot:
        screen = await choosing(pilot)
        await pilot.press("slash")
        await typed(pilot, "otto val")
        await pilot.pause()
        assert [one.curve.name for one in screen.query_one(Table).rows] == ["7 persona · otto · val"]
        await pilot.press("enter", "space", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChartScreen))
        assert "otto" not in shown(pilot)


async def test_no_more_curves_are_marked_than_can_be_told_apart(data: Path) -> None:
    async with looking(data) as pilot:
        screen = await choosing(pilot)
        table = screen.query_one(Table)
        many = [chart.Choice(chart.Curve(at, "x", "train"), (), None) for at in range(20)]
        screen._all = many
        screen._fill()
        await pilot.press("c", *["space", "down"] * 12)
        assert len(screen._marked) == MOST
        assert len(table.rows) == 20


async def test_a_job_without_curves_says_when_they_begin(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="jobs") as pilot:
        await pilot.app.push_screen(ChartScreen(1))
        await shows(pilot, "no point yet: curves begin with the first step")
        for key in ("left", "plus", "y", "0"):
            await pressed(pilot, key)
        assert isinstance(pilot.app.screen, ChartScreen)


async def test_what_did_not_change_is_not_painted_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with looking(data) as pilot:
        canvas = pilot.app.screen.query_one(Chart)
        painted: list[object] = []
        monkeypatch.setattr(canvas, "refresh", lambda *regions, **_: painted.extend(regions))
        await settled(pilot)
        assert painted == []
        await pressed(pilot, "left")
        assert 0 < len(painted) <= 2 * canvas.size.height


def test_points_are_read_once_a_rest_and_at_once_for_other_curves(data: Path) -> None:
    tui_lab.busy(data)
    now = [0.0]
    feed = chart.ChartFeed(lambda: now[0], chart_seconds=1.0)
    curves = chart.curves_of(7, "")
    first = feed.read(curves)
    assert feed.read(curves)[curves[0]] is first[curves[0]]
    now[0] = 2.0
    again = feed.read(curves)[curves[0]]
    assert again is not first[curves[0]]
    assert again == first[curves[0]]
    more = chart.Curve(7, "persona", "train", "otto")
    assert len(feed.read((more,))[more]) == 186
