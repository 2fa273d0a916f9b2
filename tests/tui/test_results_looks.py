"""How Results looks: empty, with scores, at each level, and failed."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from tui_snap import Compare, app_in, at, looks, press, sees

pytestmark = pytest.mark.usefixtures("artifacts")


@looks
def test_results_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("results"))


@looks
def test_results_busy(
    snap_compare: Compare, size: tuple[int, int], theme: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tui_lab.LIFT, "swapped-persona", 0.66)
    tui_lab.run_study(data, ("base", "unified", "persona", "hybrid", "swapped-persona"))
    steps = at("results", sees("base model as it is"), press("end"), sees("of it"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_results_ask_before_test(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    steps = at("results", sees("hybrid"), press("v"), sees("Open the test scores?"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_results_of_one_method(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    steps = at("results", sees("hybrid"), press("end", "enter"), sees("Inés"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_results_read_turn_by_turn(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.done(data)
    steps = at(
        "results", sees("hybrid"), press("end", "up", "enter"), sees("Inés"), press("enter"), sees("A bit warmer")
    )
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_results_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("results", sees("nothing is evaluated")))
