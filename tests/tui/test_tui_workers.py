"""Workers on a real database: what it says, and every key."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from sqlmodel import select, update
from tui_pilot import NARROW, line_with, opened, pressed, shown, shows, until

from lab.db import pause
from lab.db import workers as rows
from lab.db.engine import writing
from lab.db.tables import Worker
from lab.tasks.local import local_workers, shut_down
from lab.tui.feeds.status import StatusFeed
from lab.tui.feeds.workers import Use, WorkersFeed, used
from lab.tui.screens.job import JobScreen
from lab.tui.widgets.spark import area, spark

pytestmark = pytest.mark.usefixtures("artifacts")


def _state(worker: str = "gpu01:4242:0badcafe") -> str:
    with writing() as session:
        return session.exec(select(Worker.state).where(Worker.id == worker)).one()


def _report(load: float, memory: float = 40960.0, worker: str = "gpu01:4242:0badcafe") -> None:
    """A heartbeat."""
    gpu = {"device": "cuda:0", "name": "GPU", "memory": memory, "total": 81920.0, "load": load}
    rows.beat(worker, {"cpu": 12.0, "memory": 8192, "total": 16384, "gpus": [gpu]}, draining=False)


# ---------------------------------------------------------------- what is shown


async def test_without_a_worker_it_says_how_to_have_one() -> None:
    async with opened(tab="workers") as pilot:
        screen = shown(pilot)
        assert "no worker is alive" in screen
        assert "u  starts one on this machine" in screen
        assert "python worker.py" in screen


async def test_each_device_says_what_it_does_and_how_it_is_used(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        line = line_with(shown(pilot), "gpu01:4242", "cuda:0", "alive")
        for word in ("7 train persona", "62%", "71%", "23%", "18.2/80"):
            assert word in line
        assert "cuda:0 of gpu01:4242 · GPU  alive  job 7 train persona 62%" in shown(pilot)
        assert "version 0.1.0" in shown(pilot)


async def test_what_workers_report_becomes_a_history(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        _report(0.0)
        await until(pilot, lambda: "  0%" in line_with(shown(pilot), "alive"))
        _report(100.0)
        screen = await until(pilot, lambda: "100%" in line_with(shown(pilot), "alive"))
        assert "▆▁█ 100%" in line_with(screen, "alive")
        assert "50%" in line_with(screen, "alive"), "of its memory"


async def test_it_is_readable_in_a_small_terminal(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(NARROW, tab="workers") as pilot:
        assert "7 train persona" in line_with(shown(pilot), "gpu01:4242", "cuda:0")
        assert "62%" in await pressed(pilot, "right")


async def test_enter_opens_the_job_at_hand(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen))


async def test_an_idle_device_has_no_job_to_open() -> None:
    tui_lab.add_worker()
    async with opened(tab="workers") as pilot:
        assert "idle: no job to open" in await pressed(pilot, "enter")


# ---------------------------------------------------------------- drain


async def test_a_worker_is_drained_only_after_a_question(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        await pilot.press("d")
        assert "Let gpu01:4242 leave after its jobs?" in shown(pilot)
        await pressed(pilot, "n")
        assert _state() == "alive"
        await pilot.press("d", "y")
        await until(pilot, lambda: "draining" in line_with(shown(pilot), "gpu01:4242", "persona"))
        assert _state() == "draining"


async def test_a_draining_worker_is_let_stay(data: Path) -> None:
    tui_lab.busy(data)
    rows.drain(["gpu01:4242:0badcafe"])
    async with opened(tab="workers") as pilot:
        await pilot.press("d")
        assert "is about to leave" in shown(pilot)
        await pilot.press("y")
        await shows(pilot, "the worker stays")
        assert _state() == "alive"


async def test_a_worker_that_has_left_meanwhile_is_told(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        await pilot.press("d")
        with writing() as session:
            session.execute(update(Worker).values(state="gone"))
        await pilot.press("y")
        await shows(pilot, "this worker has left already")


# ---------------------------------------------------------------- pause


async def test_the_queue_is_paused_after_a_question_and_goes_on_at_once(data: Path) -> None:
    tui_lab.busy(data)
    async with opened(tab="workers") as pilot:
        assert "queue goes on" in shown(pilot)
        await pressed(pilot, "space", "n")
        assert pause.paused("work") is None
        await pilot.press("space", "y")
        screen = await until(pilot, lambda: "PAUSED" in shown(pilot) and "queue paused" in shown(pilot))
        assert "space lets it go on" in screen
        assert pause.paused("work") is not None
        await pilot.press("space")
        await until(pilot, lambda: "queue goes on" in shown(pilot) and "queue paused" not in shown(pilot))
        assert pause.paused("work") is None


async def test_who_paused_it_is_told(data: Path) -> None:
    tui_lab.busy(data)
    pause.pause("work", "maya@gpu02")
    async with opened(tab="workers") as pilot:
        assert "PAUSED by maya@gpu02" in shown(pilot)


# ---------------------------------------------------------------- start


async def test_u_starts_a_real_worker_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_DEVICES", '["cpu"]')
    try:
        async with opened(tab="workers") as pilot:
            await pilot.press("u")
            await until(pilot, lambda: "cpu" in shown(pilot) and "alive" in line_with(shown(pilot), "cpu"))
            await shows(pilot, "1 worker ")  # the header looks at its own pace
            assert len(local_workers()) == 1
            await pilot.press("u")
            await shows(pilot, "a worker runs on this machine already")
    finally:
        shut_down()


async def test_a_queue_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.settings import load_settings

    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1")
    load_settings.cache_clear()
    async with opened(tab="workers") as pilot:
        await pilot.press("u")
        await shows(pilot, "redis at redis://127.0.0.1:1 does not answer")


# ---------------------------------------------------------------- the feed


def test_silence_is_told_by_our_own_clock(data: Path) -> None:
    tui_lab.busy(data)
    clock = [0.0]
    status, feed = StatusFeed(lambda: clock[0]), WorkersFeed(lambda: clock[0])
    assert feed.read(status.read(None)).devices[0].silence == 0
    clock[0] = 12.0
    assert feed.read(status.read(None)).devices[0].silence == 12
    clock[0] = 45.0
    assert feed.read(status.read(None)).devices[0].state == "silent"
    _report(50.0)
    clock[0] = 46.0
    device = feed.read(status.read(None)).devices[0]
    assert (device.state, device.silence) == ("alive", 0)
    assert [use.load for use in device.history] == [0.71, 0.5], "a report for each heartbeat, none between"


def test_a_worker_without_a_gpu_is_told_by_its_processor() -> None:
    usage = {"cpu": 50.0, "memory": 4096, "total": 16384, "gpus": []}
    assert used(usage, "cpu") == (Use(0.5, 4096.0, 16384.0), "")
    assert used(usage, "cuda:0") == (Use(), "")


def test_what_is_no_number_is_not_known() -> None:
    usage = {"cpu": "much", "memory": None, "total": float("nan"), "gpus": [{"device": "cuda:0", "load": True}, 7]}
    assert used(usage, "cpu") == (Use(), "")
    assert used(usage, "cuda:0") == (Use(), "")


def test_a_spark_has_the_newest_at_the_right_and_says_what_it_does_not_know() -> None:
    assert spark([0.0, 0.5, 1.0, None], 6) == "  ▁▄█·" or spark([0.0, 0.5, 1.0, None], 6) == "  ▁▅█·"
    assert spark([0.0, 1.0], 1) == "█"
    assert spark([7.0, -1.0], 2) == "█▁"


def test_an_area_fills_from_below() -> None:
    lines = ["".join(text for text, _ in line) for line in area([0.0, 0.5, 1.0], 4, 2, "accent")]
    assert lines == ["   █", " ▁██"]
