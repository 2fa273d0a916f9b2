"""The tabs: the key of each, its name and where its screen is. A screen is imported when somebody first goes there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Tab:
    """One screen to go to."""

    key: str
    name: str
    screen: str  # module below lab.tui.screens, and class

    @property
    def title(self) -> str:
        """Its name in the header."""
        return self.name.capitalize()

    def open(self) -> Screen[Any]:
        """Its screen, made now."""
        module, _, name = self.screen.partition(":")
        screen: Screen[Any] = getattr(import_module(f"lab.tui.screens.{module}"), name)()
        return screen


TABS = (
    Tab("1", "overview", "overview:OverviewScreen"),
    Tab("2", "jobs", "jobs:JobsScreen"),
    Tab("3", "results", "results:ResultsScreen"),
    Tab("4", "personas", "personas:PersonasScreen"),
    Tab("5", "chat", "chat:ChatScreen"),
    Tab("6", "workers", "workers:WorkersScreen"),
    Tab("7", "data", "data:DataScreen"),
)


def screens() -> dict[str, str | Callable[[], Screen[Any]]]:
    """Name of a tab → what makes its screen."""
    return {tab.name: partial(tab.open) for tab in TABS}
