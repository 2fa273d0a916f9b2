"""docs/tour.md's pictures: a session at the screen, from an empty lab to a chat, by keys alone.

    python docs/tour.py

A lab of its own in a temporary folder, a real worker, SmolLM2-135M-Instruct; a few minutes on a laptop. Each picture is
what the program itself draws at 140×40.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot

from lab.tui.widgets.table import Table

PICTURES = Path(__file__).with_name("tour")
SIZE = (140, 40)
PATIENCE = 1800.0  # seconds, for a training on a slow machine
METHODS = ("hybrid", "retrieval-k3")  # beside base, unified and persona
COLUMNS = ("unified", "persona", "hybrid")


class Tour:
    """Somebody at the keys."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self._pilot = pilot
        self._began = time.monotonic()
        self._taken = 0

    def screen(self) -> str:
        """What is to be read."""
        strips = self._pilot.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def press(self, *keys: str) -> None:
        """Type."""
        for key in keys:
            await self._pilot.press(key)
        await self._pilot.pause(0.3)

    async def until(self, seen: str | Callable[[str], bool]) -> None:
        """Wait for words, or for what a function of the screen says."""
        end = time.monotonic() + PATIENCE
        while not (seen in self.screen() if isinstance(seen, str) else seen(self.screen())):
            if time.monotonic() > end:
                raise TimeoutError(f"{seen!r} never came:\n{self.screen()}")
            await self._pilot.pause(0.2)

    async def say(self, words: str) -> None:
        """Paste words, and send them."""
        self._pilot.app.post_message(Paste(words))
        await self.press("enter")

    async def select(self, method: str) -> None:
        """Go down, and from the end to the beginning, to the row of a method."""
        table = next(table for table in self._pilot.app.screen.query(Table) if table.has_focus)
        for _ in range(2 * len(table.rows)):
            if method in (getattr(table.row, "key", ""), getattr(table.row, "method", "")):
                return
            await self._pilot.press("home" if table.cursor == len(table.rows) - 1 else "down")
        raise LookupError(f"there is no {method} to choose")

    async def picture(self, name: str) -> None:
        """Keep what is on the screen."""
        await self._pilot.pause(0.8)
        self._taken += 1
        file = PICTURES / f"{self._taken}-{name}.svg"
        file.write_text(self._pilot.app.export_screenshot(title="lab"), encoding="utf-8")
        print(f"{time.monotonic() - self._began:6.0f} s  {file.name}", flush=True)


async def new_study(tour: Tour) -> None:
    """Data, base and methods, chosen on the form."""
    await tour.until("New study")
    await tour.picture("overview")
    await tour.press("n")
    await tour.until("none yet: enter")
    await tour.press("down", "enter")
    await tour.until("generate one")
    await tour.press("enter")
    await tour.until("20 × 30")
    await tour.press(*["backspace"] * 7, *"6x12", "enter")
    await tour.until("6 personas, 72 dialogues")
    await tour.press("down", "enter")
    await tour.until("smollm2-135m")
    await tour.press(*"smollm2", "enter")
    await tour.until("offline, 135 M parameters")
    for method in METHODS:
        await tour.select(method)
        await tour.press("space")
    await tour.until("about")
    await tour.picture("new-study")
    await tour.press("r")


async def watch(tour: Tour) -> None:
    """Jobs while they are trained, then what came of it."""
    half_way = re.compile(r"^ \d+ train .* step 2\d/", re.MULTILINE)
    await tour.until(lambda screen: half_way.search(screen) is not None)
    await tour.picture("jobs")
    await tour.press("1")
    await tour.until("last events")
    await tour.picture("overview-busy")
    await tour.until("is done, and nobody has looked")
    await tour.press("3")
    await tour.until("over unified")
    await tour.picture("results")
    await tour.press("enter")
    await tour.until("persona_000")
    await tour.press("enter")
    await tour.until("reference")
    await tour.picture("dialogues")
    await tour.press("4")
    await tour.until("most like it")
    await tour.picture("personas")


async def talk(tour: Tour) -> None:
    """The same words to three methods, side by side."""
    await tour.press("5")
    await tour.until("say something")
    await tour.press("escape", "m")
    await tour.until("space")
    await tour.select(COLUMNS[0])
    await tour.press("enter", "m")  # this one alone; space adds others to it
    await tour.until("space")
    for method in COLUMNS[1:]:
        await tour.select(method)
        await tour.press("space")
    await tour.press("enter", "i")
    await tour.say("It's freezing in here, could you warm the place up and put the lights on?")
    await tour.until(lambda screen: screen.count("first token") == len(COLUMNS))
    await tour.picture("chat")


async def main() -> None:
    """Tour the lab."""
    from lab.tasks.local import ensure_running, shut_down
    from lab.tui.app import LabApp

    ensure_running()
    try:
        async with LabApp().run_test(size=SIZE) as pilot:
            tour = Tour(pilot)
            await new_study(tour)
            await watch(tour)
            await talk(tour)
    finally:
        shut_down()


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lab-tour-") as home:
        os.chdir(home)
        os.environ["LAB_ARTIFACTS"] = "artifacts"
        asyncio.run(main())
