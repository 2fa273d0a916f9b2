"""How the screens look: empty, busy and failed, wide and narrow, dark and light."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import shown, typed, until
from tui_snap import Compare, Steps, app_in, at, looks, press, sees

from lab.db import jobs
from lab.tasks import embedded, queue

pytestmark = pytest.mark.usefixtures("artifacts")


@pytest.fixture
def server(artifacts: Path) -> Iterator[None]:
    queue._sender.cache_clear()
    embedded.start()
    yield
    embedded.stop()
    queue._sender.cache_clear()


def _asks(words: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await typed(pilot, words)
        await pilot.press("enter")
        await until(pilot, lambda: "waits for a worker" in shown(pilot))

    return step


@looks
@pytest.mark.parametrize("tab", ["jobs", "chat"])
def test_empty(snap_compare: Compare, size: tuple[int, int], theme: str, tab: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at(tab))


@looks
def test_jobs_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("jobs", sees("checkpoint 186")))


@looks
def test_jobs_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("jobs", press("e"), sees("attempt 2")))


@looks
@pytest.mark.usefixtures("server")
def test_chat_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)

    async def answered(pilot: Pilot[None]) -> None:
        tui_lab.answer_chat()
        await until(pilot, lambda: "first token" in shown(pilot))
        while taken := jobs.claim("chat", "w", "cpu"):
            jobs.reply(taken.lease, "Perfect! Lights to 40%, your", {})
            await until(pilot, lambda: "your▌" in shown(pilot))

    steps = at("chat", _asks("Lights and some music please"), answered)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
@pytest.mark.usefixtures("server")
def test_chat_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)

    async def failed(pilot: Pilot[None]) -> None:
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "smollm2-135m: the weights are not there and the hub cannot be reached")
        await until(pilot, lambda: "the weights are not there" in shown(pilot))

    steps = at("chat", sees("base model as it is"), _asks("Hello"), failed)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)
