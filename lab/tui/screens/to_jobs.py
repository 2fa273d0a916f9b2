"""Going to the jobs of one study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tui.screens.jobs import JobsScreen

if TYPE_CHECKING:
    from lab.tui.app import LabApp


async def go_to_jobs(lab: LabApp, study: str, *, failed: bool = False) -> JobsScreen | None:
    """The Jobs tab with this study's jobs alone, the cursor on the first, or on the first that failed.

    None: the user has gone elsewhere meanwhile.
    """
    lab.study = study
    await lab.switch_mode("jobs")
    while len(lab.screen_stack) > 1 and not isinstance(lab.screen, JobsScreen):  # a log, a page of another job
        await lab.pop_screen()
    screen = lab.screen
    if not isinstance(screen, JobsScreen) or not screen.alive:
        return None
    screen.show_study(failed=failed)
    lab.poke()
    return screen
