"""The tail of a log: it follows until you scroll away, and follows again at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.tui.format import clock
from lab.tui.text import Line, wrap
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.db.queries import LogLine


_LONGEST = 2000  # characters of one line: a traceback's worth


class Log(Lines, can_focus=True):
    """Log lines with their time, wrapped under themselves."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(follow=True, id=id)
        self._job: int | None = None
        self._shown: Sequence[LogLine] | None = None

    def tell(self, job: int | None, lines: Sequence[LogLine]) -> None:
        """Show the log of a job; the same list again costs nothing."""
        if lines is self._shown and job == self._job:
            return
        other, self._job, self._shown = job != self._job, job, lines
        self.show(lambda cells: [row for line in lines for row in laid_out(line, cells)])
        if other:
            self.scroll_to_end()


def laid_out(line: LogLine, cells: int) -> list[Line]:
    """One log line as the lines it takes: the time once, the text beside it."""
    time = clock(line.at) + " "
    text = line.text if len(line.text) <= _LONGEST else f"{line.text[:_LONGEST]} … {len(line.text):,} characters"
    rows = wrap(text, cells - len(time))
    return [((time if number == 0 else " " * len(time), "dim"), *row) for number, row in enumerate(rows)]
