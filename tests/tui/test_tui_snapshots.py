"""How the three screens look: empty, busy and failed, wide and narrow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import NARROW, WIDE, lab_app, settled, shown, typed, until

from lab.db import jobs
from lab.tasks import embedded, queue

pytestmark = pytest.mark.usefixtures("artifacts")

Compare = Callable[..., bool]
Steps = Callable[[Pilot[None]], Awaitable[None]]
sizes = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["140x40", "80x24"])


@pytest.fixture
def server(artifacts: Path) -> Iterator[None]:
    queue._sender.cache_clear()
    embedded.start()
    yield
    embedded.stop()
    queue._sender.cache_clear()


def _tab(key: str, *more: Steps) -> Steps:
    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.current_mode == {"1": "jobs", "2": "results", "3": "chat"}[key])
        await settled(pilot)
        for step in more:
            await step(pilot)

    return steps


def _sees(words: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: words in shown(pilot))

    return step


def _press(*keys: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await settled(pilot)

    return step


def _asks(words: str) -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await typed(pilot, words)
        await pilot.press("enter")
        await until(pilot, lambda: "waits for a worker" in shown(pilot))

    return step


@sizes
@pytest.mark.parametrize("tab", ["1", "2", "3"], ids=["jobs", "results", "chat"])
def test_empty(snap_compare: Compare, size: tuple[int, int], tab: str) -> None:
    assert snap_compare(lab_app(), terminal_size=size, run_before=_tab(tab))


@sizes
def test_jobs_busy(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.busy(data)
    assert snap_compare(lab_app(), terminal_size=size, run_before=_tab("1", _sees("checkpoint 186")))


@sizes
def test_jobs_failed(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(lab_app(), terminal_size=size, run_before=_tab("1", _press("e"), _sees("attempt 2")))


@sizes
def test_results_busy(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.done(data)
    steps = _tab("2", _sees("base model as it is"), _press("end"), _sees("of it"))
    assert snap_compare(lab_app(), terminal_size=size, run_before=steps)


@sizes
def test_results_read_turn_by_turn(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.done(data)
    steps = _tab(
        "2", _sees("hybrid"), _press("end", "up", "enter"), _sees("Inés"), _press("enter"), _sees("A bit warmer")
    )
    assert snap_compare(lab_app(), terminal_size=size, run_before=steps)


@sizes
def test_results_failed(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(lab_app(), terminal_size=size, run_before=_tab("2", _sees("nothing is evaluated")))


@sizes
@pytest.mark.usefixtures("server")
def test_chat_busy(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.done(data)

    async def answered(pilot: Pilot[None]) -> None:
        tui_lab.answer_chat()
        await until(pilot, lambda: "first token" in shown(pilot))
        while taken := jobs.claim("chat", "w", "cpu"):
            jobs.reply(taken.lease, "Perfect! Lights to 40%, your", {})
            await until(pilot, lambda: "your▌" in shown(pilot))

    steps = _tab("3", _asks("Lights and some music please"), answered)
    assert snap_compare(lab_app(), terminal_size=size, run_before=steps)


@sizes
@pytest.mark.usefixtures("server")
def test_chat_failed(snap_compare: Compare, size: tuple[int, int], data: Path) -> None:
    tui_lab.failed(data)

    async def failed(pilot: Pilot[None]) -> None:
        taken = jobs.claim("chat", "w", "cpu")
        assert taken is not None
        jobs.fail(taken.lease, "smollm2-135m: the weights are not there and the hub cannot be reached")
        await until(pilot, lambda: "the weights are not there" in shown(pilot))

    steps = _tab("3", _sees("base model as it is"), _asks("Hello"), failed)
    assert snap_compare(lab_app(), terminal_size=size, run_before=steps)
