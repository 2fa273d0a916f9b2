"""Overview: the studies, the workers and what asks for attention, at a glance."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult

from lab.tui.screens.base import LabScreen
from lab.tui.widgets.lines import Lines


class OverviewScreen(LabScreen[None]):
    """Where the lab opens."""

    TAB: ClassVar[str] = "overview"

    def body(self) -> ComposeResult:
        """What there is."""
        yield Lines(id="empty")

    def want(self) -> Callable[[], None]:
        """Nothing yet."""
        return lambda: None

    def tell(self, view: None) -> None:
        """Show it."""
