"""How Data looks: empty, listed, opened and refused, wide and narrow, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_snap import Compare, app_in, at, looks, press, sees

pytestmark = pytest.mark.usefixtures("artifacts")


@looks
def test_data_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", sees("no data yet")))


@looks
def test_data_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    steps = at("data", sees("by its studies") if size[0] > 100 else sees("home"), press("enter"), sees("train 36"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_data_failed(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def refused(pilot: Pilot[None]) -> None:
        await press("g", "tab", "x", "enter")(pilot)
        await sees("give a whole number")(pilot)

    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", refused))
