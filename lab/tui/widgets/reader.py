"""Pages to read: text that scrolls, with places in it to jump to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from lab.tui.text import Line
from lab.tui.widgets.lines import Lines

Pages = Callable[[int], tuple[Sequence[Line], Sequence[int]]]
"""Lines as a function of the width there is, and the numbers of those that begin a dialogue."""


class Reader(Lines, can_focus=True):
    """Dialogues one below the other."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "dialogue(1)", "next dialogue", id="dialogues.next"),
        Binding("b", "dialogue(-1)", "dialogue before", id="dialogues.before"),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._heads: Sequence[int] = ()

    def read(self, pages: Pages) -> None:
        """Show these."""
        self.show(lambda cells: self._laid(pages, cells))

    def _laid(self, pages: Pages, cells: int) -> Sequence[Line]:
        lines, self._heads = pages(cells)
        return lines

    def action_dialogue(self, by: int) -> None:
        """Go to the dialogue after or before this one."""
        self.jump(self._heads, by)

    def jump(self, places: Sequence[int], by: int) -> bool:
        """Go to the nearest of these lines after or before the first in sight; whether there is one."""
        here = round(self.scroll_y)
        there = [y for y in places if (y > here if by > 0 else y < here)]
        if there:
            self.scroll_to(y=min(there) if by > 0 else max(there), animate=False, immediate=True)
        return bool(there)
