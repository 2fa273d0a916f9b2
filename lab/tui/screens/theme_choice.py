"""The list of themes to choose from."""

from __future__ import annotations

from typing import Any

from textual.app import App

from lab.tui.screens.picker import Picker
from lab.tui.themes import ABOUT, remember
from lab.tui.widgets.table import Column


async def choose_theme(app: App[Any]) -> None:
    """Choose a theme, the lab's own before Textual's, and open with it from now on."""
    names = [*ABOUT, *sorted(set(app.available_themes) - set(ABOUT))]
    columns: list[Column[str]] = [
        Column("theme", 18, lambda name, _: ((name, "strong"),), stays=True),
        Column("what it is", 40, lambda name, _: ((ABOUT.get(name, "comes with Textual"), "dim"),), grows=True),
    ]
    picker = Picker("theme", columns, names, lambda name: name, lambda name: name, app.theme)
    chosen = await app.push_screen_wait(picker)
    if chosen is not None:
        app.theme = chosen
        remember(chosen)
