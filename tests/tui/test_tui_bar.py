"""The line at the bottom: what just happened beside the keys of the moment."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import NARROW, WIDE, opened, shown, shows, until

from lab.tui.screens.help import HelpScreen
from lab.tui.widgets.bar import Bar

SAID = "study demo is queued: 12 jobs"


@pytest.fixture(autouse=True)
def lab(artifacts: Path, data: Path) -> None:
    tui_lab.busy(data)


def last_line(pilot: Pilot[None]) -> str:
    return shown(pilot).splitlines()[-1]


def say(pilot: Pilot[None], words: str) -> Bar:
    bar = pilot.app.screen.query_one(Bar)
    bar.say(words)
    return bar


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_message_leaves_the_most_needed_keys_in_sight(size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        before = last_line(pilot)
        bar = say(pilot, SAID)
        await shows(pilot, SAID)
        assert last_line(pilot).startswith(f" {SAID}  ")
        assert all(key in last_line(pilot) for key in ("? help", "q quit"))
        bar.hush()
        await until(pilot, lambda: last_line(pilot) == before)


async def test_a_long_message_has_the_line_to_itself() -> None:
    async with opened(NARROW) as pilot:
        say(pilot, SAID + ", " + "and more" * 10)
        await shows(pilot, SAID)
        assert last_line(pilot).endswith("…")
        assert "help" not in last_line(pilot)


async def test_a_question_leaves_no_other_key_in_sight() -> None:
    async with opened() as pilot:
        await pilot.press("c")
        await shows(pilot, "Cancel job")
        assert "help" not in last_line(pilot)


async def test_a_key_beside_a_message_can_be_clicked_and_the_message_cannot() -> None:
    async with opened() as pilot:
        bar = say(pilot, SAID)
        await shows(pilot, SAID)
        await pilot.click(Bar, offset=(3, 0))
        assert SAID in last_line(pilot)
        await pilot.click(Bar, offset=(last_line(pilot).index("? help"), 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert bar.asking is False
