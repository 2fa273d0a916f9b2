"""Steps that tests of the Chat screen share; the test is the worker that answers."""

from __future__ import annotations

from textual.pilot import Pilot
from tui_pilot import go, settled, shown, typed, until

from lab.db import queries
from lab.db.engine import reading
from lab.db.tables import Job
from lab.tui.screens.chat import ChatScreen
from lab.tui.screens.columns import MethodsScreen
from lab.tui.screens.context import ContextScreen


async def to_chat(pilot: Pilot[None]) -> str:
    """Go to the screen."""
    await go(pilot, "chat")
    return shown(pilot)


async def ask(pilot: Pilot[None], words: str, answers: int = 1) -> None:
    """Say this, and wait until so many answers are asked for."""
    before = queries.queue_length("chat")
    await typed(pilot, words)
    await pilot.press("enter")
    await until(pilot, lambda: queries.queue_length("chat") == before + answers)


async def choose(pilot: Pilot[None], *methods: str) -> None:
    """Have these methods side by side, from left to right; the line has the focus then."""
    chat = chat_screen(pilot)
    chat.leave_line()
    await pilot.pause()
    await pilot.press("m")
    await until(pilot, lambda: isinstance(pilot.app.screen, MethodsScreen) and bool(pilot.app.screen.query("Table")))
    screen = pilot.app.screen
    assert isinstance(screen, MethodsScreen)
    for method in (*chat.methods, *methods):  # away with those that are shown, then these
        assert screen._table.select(method)
        await pilot.press("space")
    await pilot.press("enter")
    await until(pilot, lambda: chat.is_current and chat.methods == list(methods))
    await pilot.press("i")


async def to_context(pilot: Pilot[None]) -> None:
    """Edit the context."""
    await pilot.press("escape", "e")
    await until(pilot, lambda: isinstance(pilot.app.screen, ContextScreen) and bool(pilot.app.screen.query("Table")))
    await pilot.pause()


async def done_writing(pilot: Pilot[None]) -> str:
    """The screen when all answers have ended."""
    await until(pilot, lambda: not chat_screen(pilot).conversation.writing)
    await settled(pilot)
    return shown(pilot)


def spec(job: int) -> dict[str, object]:
    """What a chat job was asked."""
    with reading() as session:
        return session.get_one(Job, job).spec


def chat_screen(pilot: Pilot[None]) -> ChatScreen:
    """The screen in sight."""
    screen = pilot.app.screen
    assert isinstance(screen, ChatScreen)
    return screen
