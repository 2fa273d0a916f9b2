"""A tab whose first reading takes long: keys are keys all the while, and what is typed goes into no line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tui_lab
from textual.pilot import Pilot
from textual.widgets import Input
from tui_pilot import lab_app, until

from lab.tui.screens.base import LabScreen
from lab.tui.tabs import TABS

pytestmark = pytest.mark.usefixtures("artifacts")
OTHERS = [tab.name for tab in TABS if tab.name not in ("chat", "overview")]  # chat is a line to write in


@dataclass
class Gate:
    """What a held screen wants comes when the gate is opened."""

    opened: threading.Event = field(default_factory=threading.Event)

    def hold(self, screen: LabScreen[object]) -> None:
        want = screen.want

        def later() -> Callable[[], object]:
            read = want()
            return lambda: (self.opened.wait(20), read())[1]

        screen.want = later  # type: ignore[method-assign]


async def _press(pilot: Pilot[None], key: str, tab: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: pilot.app.current_mode == tab)


@pytest.mark.parametrize("name", OTHERS)
async def test_keys_of_the_tabs_work_while_one_is_read_for(
    data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tui_lab.done(data)
    resume = LabScreen.on_screen_resume
    gate, held = Gate(), set[int]()

    def hold(self: LabScreen[object]) -> None:
        if name == self.TAB and id(self) not in held:
            held.add(id(self))
            gate.hold(self)
        resume(self)

    monkeypatch.setattr(LabScreen, "on_screen_resume", hold)
    key = next(tab.key for tab in TABS if tab.name == name)
    async with lab_app().run_test(size=(140, 40)) as pilot:
        for _ in range(2):
            await _press(pilot, key, name)
            await pilot.pause(0.2)
            assert not isinstance(pilot.app.focused, Input)
            await _press(pilot, "1", "overview")
        gate.opened.set()  # the program ends when its threads do
    assert held
