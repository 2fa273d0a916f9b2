"""How the screens look: empty, busy and failed, wide and narrow, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from tui_snap import Compare, app_in, at, looks, press, sees

pytestmark = pytest.mark.usefixtures("artifacts")


@looks
@pytest.mark.parametrize("tab", ["jobs"])
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
