"""How Jobs looks: empty, busy and failed, while it is narrowed, and its pages, wide and narrow, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from tui_pilot import typed
from tui_snap import Compare, Steps, app_in, at, looks, press, sees

pytestmark = pytest.mark.usefixtures("artifacts")


def types(words: str) -> Steps:
    """Type in the line that is open."""
    return lambda pilot: typed(pilot, words)


@looks
def test_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("jobs"))


@looks
def test_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("jobs", sees("checkpoint 186")))


@looks
def test_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("jobs", press("e"), sees("attempt 2")))


@looks
def test_narrowed_sorted_and_marked(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    steps = at("jobs", press("o", "O", "space", "slash"), types("state:blocked|ready"), sees("7 of 12"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_lineage(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    steps = at("jobs", press("e", "g"), sees("this job"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_a_log_is_searched(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)
    steps = at("jobs", press("l", "slash"), types("val"), sees("line 9 of 9"), press("enter", "N"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)
