"""A job or a study as the beginning of another study."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.errors import LabError
from lab.tui.screens.base import LabScreen


def open_clone(screen: LabScreen[Any], of: int | str) -> None:
    """Open a new study that begins as a study, by name, or as what a job, by id, was for."""
    screen.run_worker(_open(screen, of), group="clone", exclusive=True)


async def _open(screen: LabScreen[Any], of: int | str) -> None:
    from lab.tui.screens.new_study import NewStudyScreen

    try:
        toml = await asyncio.to_thread(_toml, of)
    except Exception as error:
        screen.bar.say(str(LabError.of(error)), "bad")
    else:
        await screen.app.push_screen(NewStudyScreen(toml))


def _toml(of: int | str) -> str:
    from lab.tui.feeds.new_study import clone_of_job, clone_of_study

    return clone_of_job(of) if isinstance(of, int) else clone_of_study(of)
