"""Workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult

from lab.tui.screens.base import LabScreen
from lab.tui.widgets.lines import Lines


class WorkersScreen(LabScreen[None]):
    """Workers."""

    TAB: ClassVar[str] = "workers"

    def body(self) -> ComposeResult:
        """What there is."""
        yield Lines(id="empty")

    def want(self) -> Callable[[], None]:
        """Nothing yet."""
        return lambda: None

    def tell(self, view: None) -> None:
        """Show it."""
