"""What tests of looks share: sizes, themes, and the steps that lead to a screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from tui_pilot import NARROW, WIDE, go, lab_app, settled, shows

from lab.tui.app import LabApp

Compare = Callable[..., bool]
Steps = Callable[[Pilot[None]], Awaitable[None]]

looks = pytest.mark.parametrize(
    ("size", "theme"),
    [(size, theme) for size in (WIDE, NARROW) for theme in ("lab", "lab-light")],
    ids=lambda value: value if isinstance(value, str) else "x".join(map(str, value)),
)
"""Each screen is looked at wide and narrow, in the dark and in the light."""


def app_in(theme: str) -> LabApp:
    """The app, its clock standing still, in these colours."""
    app = lab_app()
    app.theme = theme
    return app


def at(tab: str, *more: Steps) -> Steps:
    """Go to a tab, then take these steps."""

    async def steps(pilot: Pilot[None]) -> None:
        await go(pilot, tab)
        for step in more:
            await step(pilot)

    return steps


def sees(words: str) -> Steps:
    """Wait until these words are in sight."""

    async def step(pilot: Pilot[None]) -> None:
        await shows(pilot, words)

    return step


def press(*keys: str) -> Steps:
    """Press these keys."""

    async def step(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await settled(pilot)

    return step
