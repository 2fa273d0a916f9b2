"""The way of somebody who has never seen the lab: from nothing to running jobs, by keys alone."""

from __future__ import annotations

import pytest
from tui_pilot import lab_app, picking, shown, shows, until

from lab.db.queries import get_study, list_jobs
from lab.tasks import queue
from lab.tui.screens.new_study import NewStudyScreen


@pytest.mark.usefixtures("elsewhere")
async def test_from_an_empty_lab_to_queued_jobs_by_what_the_screen_says() -> None:
    async with lab_app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "New study")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewStudyScreen) and "none yet: enter" in shown(pilot))
        await pilot.press("down", "enter")  # the second row is the data set
        await picking(pilot)
        assert "generate one" in shown(pilot)
        await pilot.press("enter")
        await shows(pilot, "20 × 30")
        await pilot.press(*["backspace"] * 7, *"3x6", "enter")
        await shows(pilot, "3 personas, 18 dialogues")

        await pilot.press("down", "enter")  # then the base model
        await picking(pilot)
        await pilot.press("down")
        assert "smollm2-135m" in shown(pilot)
        await pilot.press("enter")
        await shows(pilot, "offline, 135 M parameters")
        while pilot.app.screen.query_one("#form").row.key != "prompt-description":  # type: ignore[attr-defined]
            await pilot.press("down")
        await pilot.press("space")
        await shows(pilot, "plan 12 jobs, 0 reused")

        await pilot.press("r")
        await until(pilot, lambda: pilot.app.current_mode == "jobs" and "is started: 12 jobs" in shown(pilot))
    study = get_study()
    assert study.name == "generated-3x6-smollm2-135m"
    assert study.base == "smollm2-135m"
    assert study.spec["methods"] == ["base", "unified", "persona", "prompt-description"]
    assert len(list_jobs(study.id)) == 12
    assert queue.waiting_messages(queue.WORK) == sum(job.state == "READY" for job in list_jobs())
