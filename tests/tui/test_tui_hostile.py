"""Names, logs, answers and data of strangers, on every screen: shown as text, whatever they would do to a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import tui_lab
from sqlalchemy import text
from textual.pilot import Pilot
from tui_pilot import opened, picking, pressed, settled, shown, typed, until

from lab.db import queries
from lab.db.engine import writing
from lab.settings import load_settings
from lab.tasks import embedded, queue
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.jobs import JobsScreen

BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ESCAPES = "\x1b[2J\x1b[31m\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b[?1049l\x1bc"
CONTROLS = "\x9b2J\x9d52;c;x\x9c\x00\x07\x08\x0b\x7f\r\t\ta\nb\x85\u2028c"
DIRECTIONS = "\u202eesrever\u2066\u200f\u061c\ufeff\u200b\U000e0041"
MARKUP = "[red]x[/red][@click=app.quit]y[/][link=file:///etc/passwd]z[link][/][bold"
POISON = {
    "words": ESCAPES + MARKUP + CONTROLS + DIRECTIONS,
    "shapes": "e" + "\u0301" * 3000 + "漢" * 200 + "x" * 30_000 + " ﷺ👨‍👩‍👧",
}


@pytest.fixture(autouse=True)
def running(artifacts: Path) -> Iterator[None]:
    """The lab's own queue server, for a chat."""
    queue._sender.cache_clear()
    embedded.start()
    yield
    embedded.stop()
    queue._sender.cache_clear()


def poison(evil: str) -> None:
    """Have it wherever the lab keeps what others wrote: in rows, in data and in predictions."""
    with writing() as session:
        for statement in (
            "UPDATE study SET name = name || :evil, base = :evil",
            "UPDATE dataset SET name = :evil, source = :evil",
            "UPDATE studyjob SET method = method || :evil WHERE method = 'hybrid'",
            "UPDATE job SET method = method || :evil WHERE method = 'hybrid'",
            "UPDATE job SET kind = kind || :evil WHERE kind = 'recipes'",
            "UPDATE job SET note = :evil, device = :evil, owner = :evil",
            "UPDATE job SET state = 'FAILED', error = :evil WHERE id = 3",
            "UPDATE worker SET host = :evil",
            "INSERT INTO joblog (job, attempt, at, text) SELECT id, 1, '2026-03-04 09:00:00', :evil FROM job",
            "INSERT INTO runmetric (job, series, \"group\", step, value) SELECT id, 'train', :evil, 1, 1e308 FROM job",
            "INSERT INTO runmetric (job, series, \"group\", step, value) SELECT id, 'train', '', 1, 9e999 FROM job",
        ):
            session.connection().execute(text(statement), {"evil": evil} if ":evil" in statement else {})
    root = load_settings().artifacts
    for file in root.glob("*/*/predictions.jsonl"):
        _rewrite(file, lambda row: row | {"prediction": evil, "reference": f"22 degrees {evil}", "task_type": evil})
    printable = BAD.sub("", evil)  # what an import lets through
    for file in root.glob("datasets/*/personas.jsonl"):
        _rewrite(file, lambda row: row | {"name": printable, "description": printable})


def _rewrite(file: Path, change) -> None:
    rows = [change(orjson.loads(line)) for line in file.read_bytes().splitlines()]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


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
        for keys in (["down", "down"], ["enter"], ["g"], ["l"], ["escape"], ["escape"], ["slash"]):
            await pressed(pilot, *keys)
            check(pilot)
        await typed(pilot, POISON[kind])
        await pressed(pilot, "enter")
        check(pilot)
        await pressed(pilot, "escape")
        for keys in (["2"], ["end"], ["enter"], ["enter"], ["n"], ["right"], ["escape"], ["escape"]):
            await pressed(pilot, *keys)
            check(pilot)
        await pilot.press("1")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))


@pytest.mark.parametrize("kind", POISON)
async def test_a_chat_shows_it_as_text(data: Path, kind: str) -> None:
    evil = POISON[kind]
    tui_lab.done(data)
    poison(evil)
    async with opened() as pilot:
        await pressed(pilot, "3")
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
        await pilot.press("escape", "escape")
        for key in ("p", "m", "c", "s"):
            await pilot.press(key)
            await picking(pilot)
            check(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, ChatScreen))
        await pilot.press("e")
        await pilot.pause()
        check(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChatScreen)


async def test_rows_that_cannot_be_read_cost_a_sentence(data: Path) -> None:
    tui_lab.done(data)
    with writing() as session:
        for statement in ("UPDATE job SET state = 'ASLEEP' WHERE id = 2", "UPDATE study SET spec = '{broken'"):
            session.connection().execute(text(statement))
    async with opened() as pilot:
        assert "in state 'ASLEEP', which this version does not know" in shown(pilot)
        for key in ("2", "3", "1"):
            await pilot.press(key)
            await pilot.pause(0.1)
            check(pilot)
        with writing() as session:
            session.connection().execute(text("UPDATE job SET state = 'SUCCEEDED' WHERE id = 2"))
        await until(pilot, lambda: "ASLEEP" not in shown(pilot))
