"""How a new study and the large curves look: empty, filled, faulty, as text; curves laid over each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import shown, shows, until
from tui_snap import Compare, Steps, app_in, at, looks, press, sees

from lab.tui.feeds import study_options
from lab.tui.screens.chart import ChartScreen
from lab.tui.screens.new_study import NewStudyScreen

pytestmark = pytest.mark.usefixtures("artifacts")
FILLED = """\
# all at home
name = "homes"
data = "generated-6x10"
base = "smollm2-135m"
methods = ["base", "unified", "hybrid", "cluster", "retrieval-k3"]
seeds = [0, 1]

[training]
epochs = 2
"""


@pytest.fixture(autouse=True)
def _here(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab whose paths and free disk are the same in every run."""
    artifacts.mkdir(exist_ok=True)
    monkeypatch.chdir(artifacts.parent)
    monkeypatch.setenv("LAB_ARTIFACTS", "artifacts")
    from lab.settings import load_settings

    load_settings.cache_clear()
    usage = type("Usage", (), {"free": 68_000_000_000})()
    monkeypatch.setattr("lab.tasks.preview.shutil.disk_usage", lambda _: usage)


def _making(toml: str = "") -> Steps:
    async def step(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(NewStudyScreen(toml))
        await until(pilot, lambda: " not ready" in shown(pilot) or " jobs, " in shown(pilot))

    return step


@looks
def test_a_new_study_without_data(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", _making()))


@looks
def test_a_new_study_filled_in(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    study_options.generate(6, 10)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", _making(FILLED)))


@looks
def test_a_new_study_at_fault(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    study_options.generate(6, 10)
    faulty = _making(FILLED.replace("[0, 1]", '[0, "one"]'))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", faulty, press("r")))


@looks
def test_a_new_study_as_text(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    study_options.generate(6, 10)
    assert snap_compare(app_in(theme), terminal_size=size, run_before=at("data", _making(FILLED), press("e")))


@looks
def test_curves(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)

    async def curves(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(ChartScreen(7))
        await shows(pilot, "0.526 at 180")

    steps = at("data", curves, press("left", *["pageup"] * 5), press("plus"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)


@looks
def test_curves_to_choose_from(snap_compare: Compare, size: tuple[int, int], theme: str, data: Path) -> None:
    tui_lab.busy(data)

    async def choosing(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(ChartScreen(7))
        await shows(pilot, "0.526 at 180")
        await pilot.press("o")

    steps = at("data", choosing, sees("unmark all"), sees("otto"))
    assert snap_compare(app_in(theme), terminal_size=size, run_before=steps)
