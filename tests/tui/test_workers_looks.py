"""How Workers looks: empty, busy and failed, wide and narrow, dark and light."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import tui_lab
from sqlmodel import update
from textual.pilot import Pilot
from tui_pilot import until
from tui_snap import Compare, app_in, at, looks, sees

from lab.db import pause
from lab.db.engine import writing
from lab.db.tables import Worker
from lab.db.workers import beat, drain
from lab.tui.app import LabApp
from lab.tui.feeds.status import StatusFeed
from lab.tui.screens.workers import WorkersScreen
from lab.tui.widgets.devices_table import DevicesTable

pytestmark = pytest.mark.usefixtures("artifacts")
_LOADS = (12.0, 55.0, 97.0, 91.0)


@pytest.fixture(autouse=True)
def _heard_a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is on which the pictures are compared."""
    monkeypatch.setattr(StatusFeed, "_silence", lambda *_: 1.0)


def _settle() -> None:
    """It started an hour ago."""
    with writing() as session:
        session.execute(update(Worker).values(started_at=tui_lab.NOW - timedelta(hours=1)))


async def _reports(pilot: Pilot[None]) -> None:
    """Some heartbeats, each of them seen."""
    for number, load in enumerate(_LOADS):
        gpu = {"device": "cuda:0", "name": "GPU", "memory": 9000.0 * (number + 1), "total": 81920.0, "load": load}
        beat("gpu01:4242:0badcafe", {"gpus": [gpu]}, draining=False)
        await until(pilot, lambda wanted=number + 2: _seen(pilot) >= wanted)  # type: ignore[misc]


def _seen(pilot: Pilot[None]) -> int:
    assert isinstance(pilot.app, LabApp)
    assert isinstance(pilot.app.screen, WorkersScreen)
    row = pilot.app.screen.query_one(DevicesTable).row
    return len(row.history) if row else 0


@looks
def test_workers_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("workers", sees("starts one")))


@looks
def test_workers_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    _settle()
    steps = at("workers", sees("7 train persona"), _reports)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_workers_paused_and_draining(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    _settle()
    pause.pause("work", "maya@gpu02")
    drain(["gpu01:4242:0badcafe"])
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("workers", sees("PAUSED"), sees("draining")))
