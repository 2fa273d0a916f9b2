"""How Personas looks: empty, with clusters, the map and the dialogues where they take the place of the list, failed."""

from __future__ import annotations

from pathlib import Path

import persona_lab
import pytest
import tui_lab
from tui_snap import Compare, app_in, at, looks, press, sees

pytestmark = pytest.mark.usefixtures("artifacts")


@looks
def test_personas_empty(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("personas"))


@looks
def test_personas_busy(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    persona_lab.clustered(data)
    steps = at("personas", sees("scores highest"), press("down"), sees("Retired machinist"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_personas_on_the_map(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    persona_lab.clustered(data)
    steps = at("personas", sees("scores highest"), press("m", "down"), sees("]otto"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_personas_read(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    persona_lab.clustered(data)
    steps = at("personas", sees("scores highest"), press("enter"), sees("maya-00"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_personas_failed(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.failed(data)
    steps = at("personas", sees("has no val scores"), sees("]maya") if size[0] > 100 else sees("no val scores"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)
