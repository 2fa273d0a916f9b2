"""Driving the app in tests: what is on the screen, and waiting until it has been read for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual import events
from textual.pilot import Pilot
from tui_lab import NOW

from lab.tui.app import LabApp
from lab.tui.screens.picker import Picker
from lab.tui.tabs import TABS
from lab.tui.widgets.table import Table

WIDE = (140, 40)
NARROW = (80, 24)
_PATIENCE = 30.0


def lab_app() -> LabApp:
    """The app with its clock standing still."""
    return LabApp(now=lambda: NOW)


@asynccontextmanager
async def opened(size: tuple[int, int] = WIDE, tab: str = "jobs") -> AsyncIterator[Pilot[None]]:
    """The app at a tab, read for and painted."""
    async with lab_app().run_test(size=size) as pilot:
        await go(pilot, tab)
        yield pilot


async def go(pilot: Pilot[None], tab: str) -> None:
    """Press the key of a tab, and wait until it is there."""
    await pilot.press(next(one.key for one in TABS if one.name == tab))
    await until(pilot, lambda: pilot.app.current_mode == tab)
    await settled(pilot)


async def settled(pilot: Pilot[None], ticks: int = 3) -> None:
    """Wait until the tab in sight has been read for anew, and painted."""
    app = pilot.app
    assert isinstance(app, LabApp)
    wanted = app.ticks + ticks
    async with asyncio.timeout(_PATIENCE):
        while app.ticks < wanted:
            app.poke()
            await asyncio.sleep(0.01)
    await pilot.pause()


async def pressed(pilot: Pilot[None], *keys: str) -> str:
    """The screen after these keys."""
    await pilot.press(*keys)
    await settled(pilot)
    return shown(pilot)


async def typed(pilot: Pilot[None], words: str) -> None:
    """Paste words where the focus is."""
    pilot.app.post_message(events.Paste(words))
    await pilot.pause()


async def until(pilot: Pilot[None], true: Callable[[], bool], seconds: float = _PATIENCE) -> str:
    """The screen once this holds."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
    await pilot.pause()
    return shown(pilot)


async def shows(pilot: Pilot[None], words: str) -> str:
    """The screen once these words stand on it."""
    return await until(pilot, lambda: words in shown(pilot))


async def picking(pilot: Pilot[None]) -> None:
    """Wait until a list to choose from is there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Picker) and bool(pilot.app.screen.query("Table")))
    await until(pilot, lambda: bool(pilot.app.screen.query_one(Table).rows))


def shown(pilot: Pilot[None]) -> str:
    """Every line of the terminal, as text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def line_with(screen: str, *words: str) -> str:
    """The first line with all these words."""
    return next(line for line in screen.splitlines() if all(word in line for word in words))
