"""Names, logs, answers and data of strangers, on every screen: shown as text, whatever they would do to a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from poison import BAD, POISON, poison
from sqlalchemy import text
from textual.pilot import Pilot
from tui_pilot import opened, picking, pressed, settled, shown, typed, until

from lab.db import queries
from lab.db.engine import writing
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.jobs import JobsScreen

pytestmark = pytest.mark.usefixtures("server")


def check(pilot: Pilot[None]) -> None:
    """Every cell that is painted is text and nothing else, and the app is there."""
    assert pilot.app.is_running
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            found = BAD.search(segment.text)
            assert found is None, f"{found!r} in {segment.text!r}"
            assert "\n" not in segment.text
            assert segment.style is None or (segment.style.link is None and "@click" not in segment.style.meta)


@pytest.mark.parametrize("kind", POISON)
async def test_jobs_and_results_show_it_as_text(data: Path, kind: str) -> None:
    tui_lab.done(data)
    poison(POISON[kind])
    async with opened() as pilot:
        check(pilot)
        for keys in (["down", "down"], ["enter"], ["v"], ["g"], ["escape"], ["l"], ["escape"], ["escape"], ["slash"]):
            await pressed(pilot, *keys)
            check(pilot)
        await typed(pilot, POISON[kind])
        await pressed(pilot, "enter")
        check(pilot)
        await pressed(pilot, "escape")
        for keys in (["3"], ["end"], ["enter"], ["enter"], ["n"], ["right"], ["escape"], ["escape"]):
            await pressed(pilot, *keys)
            check(pilot)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))


@pytest.mark.parametrize("kind", POISON)
async def test_a_chat_shows_it_as_text(artifacts: Path, data: Path, kind: str) -> None:
    evil = POISON[kind]
    tui_lab.done(data)
    poison(evil)
    async with opened() as pilot:
        await pressed(pilot, "5")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        await settled(pilot)
        check(pilot)
        asked = queries.queue_length("chat")
        await typed(pilot, f"hello {BAD.sub('', evil)[:50]}")
        await pilot.press("enter")
        await until(pilot, lambda: queries.queue_length("chat") > asked)
        while queries.queue_length("chat"):
            tui_lab.answer_chat((evil, "an answer ", evil))
        await until(pilot, lambda: "an answer" in shown(pilot) or kind == "shapes")
        check(pilot)
        await pilot.press("escape", "escape", "S")
        await until(pilot, lambda: list((artifacts / "chats").glob("*/*.json")) != [])
        for key in ("p", "s", "O"):
            await pilot.press(key)
            await picking(pilot)
            check(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        for key in ("m", "e", "v"):
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(pilot.app.screen, ChatScreen))
            await pilot.pause(0.1)
            check(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        for key in ("d", "c", "1", "b", "g"):
            await pressed(pilot, key)
            check(pilot)


async def test_rows_that_cannot_be_read_cost_a_sentence(data: Path) -> None:
    tui_lab.done(data)
    with writing() as session:
        for statement in ("UPDATE job SET state = 'ASLEEP' WHERE id = 2", "UPDATE study SET spec = '{broken'"):
            session.connection().execute(text(statement))
    async with opened() as pilot:
        assert "in state 'ASLEEP', which this version does not know" in shown(pilot)
        for key in ("1", "3", "4", "5", "6", "7", "2"):
            await pilot.press(key)
            await pilot.pause(0.1)
            check(pilot)
        with writing() as session:
            session.connection().execute(text("UPDATE job SET state = 'SUCCEEDED' WHERE id = 2"))
        await until(pilot, lambda: "ASLEEP" not in shown(pilot))
