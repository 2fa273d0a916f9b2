"""Personas."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult

from lab.tui.screens.base import LabScreen
from lab.tui.widgets.lines import Lines


class PersonasScreen(LabScreen[None]):
    """Personas."""

    TAB: ClassVar[str] = "personas"

    def body(self) -> ComposeResult:
        """What there is."""
        yield Lines(id="empty")

    def want(self) -> Callable[[], None]:
        """Nothing yet."""
        return lambda: None

    def tell(self, view: None) -> None:
        """Show it."""
