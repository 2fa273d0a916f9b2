"""The README's pictures: the program itself, driven over the demo's study, the newest of this folder's lab.

make demo && .venv/bin/python docs/screenshots.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot

from lab.db.queries import get_study, list_jobs
from lab.tasks.local import ensure_running
from lab.tui.app import LabApp

IMAGES = Path(__file__).parent / "images"
SIZE = (140, 34)
QUESTION = "It's freezing in here, could you warm the place up and put the lights on?"
_LONGEST_ANSWER = 40.0  # seconds, the model's start included


async def settle(pilot: Pilot[None], seconds: float = 1.5) -> None:
    """Let the tick read and the screen paint."""
    await pilot.pause(seconds)


async def picture(pilot: Pilot[None], name: str) -> None:
    """Save what is on the screen."""
    await settle(pilot)
    (IMAGES / f"{name}.svg").write_text(pilot.app.export_screenshot(), "utf-8")
    print(f"docs/images/{name}.svg")


async def jobs(pilot: Pilot[None]) -> None:
    """The training of the personas: its curve and its log."""
    await pilot.press("2")
    newest_first = [(job.kind, job.method) for job in list_jobs(get_study("demo").id)]
    await settle(pilot)
    for _ in range(newest_first.index(("train", "persona"))):
        await pilot.press("down")
    await picture(pilot, "jobs")


async def results(pilot: Pilot[None]) -> None:
    """Methods, then a persona's dialogues under one of them."""
    await pilot.press("3")
    await picture(pilot, "results")
    for _ in range(2):
        await pilot.press("enter")
        await settle(pilot)
    await picture(pilot, "dialogues")


async def chat(pilot: Pilot[None]) -> None:
    """Two recipes side by side."""
    await pilot.press("5")
    await settle(pilot)
    pilot.app.post_message(Paste(QUESTION))
    await settle(pilot)
    await pilot.press("enter")
    await settle(pilot, _LONGEST_ANSWER)
    await picture(pilot, "chat")


async def main() -> None:
    """All pictures."""
    IMAGES.mkdir(exist_ok=True)
    async with LabApp().run_test(size=SIZE) as pilot:
        for part in (jobs, results, chat):
            await part(pilot)


if __name__ == "__main__":
    ensure_running()
    asyncio.run(main())
