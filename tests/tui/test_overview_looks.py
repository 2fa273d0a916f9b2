"""How Overview looks: empty, busy, failed and done, wide and narrow, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from sqlmodel import text
from tui_snap import Compare, app_in, at, looks, sees

from lab.db.engine import writing

pytestmark = pytest.mark.usefixtures("artifacts")


@pytest.fixture(autouse=True)
def _disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough of it, on whatever machine the pictures are compared."""
    monkeypatch.setattr("lab.tui.feeds.overview._ENOUGH_DISK", 0)


def _settle() -> None:
    with writing() as session:
        session.connection().execute(text("UPDATE job SET started_at = '2026-03-04 09:26:00' WHERE state = 'RUNNING'"))


@looks
def test_overview_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("overview", sees("make demo")))


@looks
def test_overview_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    _settle()
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("overview", sees("persona began")))


@looks
def test_overview_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("overview", sees("is FAILED")))


@looks
def test_overview_done(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("overview", sees("nobody has looked")))
