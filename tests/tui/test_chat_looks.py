"""How Chat looks: empty, busy, failed, replayed and blind, wide and narrow, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_chat import chat_screen, choose
from tui_pilot import shows, typed, until
from tui_snap import Compare, Steps, app_in, at, looks, press, sees

from lab.db import jobs, queries

pytestmark = pytest.mark.usefixtures("server")


def _asks(words: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await typed(pilot, words)
        await pilot.press("enter")
        await shows(pilot, "waits for a worker")

    return step


def _methods(*methods: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await choose(pilot, *methods)

    return step


async def _answered(pilot: Pilot[None]) -> None:
    tui_lab.answer_chat()
    await shows(pilot, "first token")
    while taken := jobs.claim("chat", "w", "cpu"):
        jobs.reply(taken.lease, "Perfect! Lights to 40%, your", {})
        last = chat_screen(pilot).conversation.last
        assert last is not None
        await until(pilot, lambda: last.answers[taken.method].text != "")  # noqa: B023 (waited for at once)
    await pilot.pause()


async def _all_answered(pilot: Pilot[None]) -> None:
    while chat_screen(pilot).conversation.writing:
        if queries.queue_length("chat"):
            tui_lab.answer_chat()
        await pilot.pause(0.1)


@looks
def test_chat_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("chat"))


@looks
def test_chat_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    three = _methods("unified", "persona", "hybrid")
    steps = at("chat", three, _asks("Lights and some music please"), _answered)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_chat_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)

    async def failed(pilot: Pilot[None]) -> None:
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "smollm2-135m: the weights are not there and the hub cannot be reached")
        await shows(pilot, "the weights are not there")

    steps = at("chat", sees("base model as it is"), _asks("Hello"), failed)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_chat_replay(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    two = _methods("unified", "hybrid")
    steps = at("chat", two, press("escape"), _keys("r", "v", "enter"), sees("reference"), _all_answered, press("d"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_chat_blind(
    snap_compare: Compare, size: tuple[int, int], theme: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.shuffle", lambda methods: methods.reverse())
    tui_lab.done(data)
    two = _methods("unified", "hybrid")
    steps = at("chat", two, press("escape", "b", "i"), _asks("A bit warmer"), _all_answered, sees("which answer"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_chat_context(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    steps = at("chat", press("escape"), _keys("e"), sees("in the data"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


def _keys(*keys: str) -> Steps:
    """One after another, each with time to open what it opens."""

    async def step(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)

    return step
