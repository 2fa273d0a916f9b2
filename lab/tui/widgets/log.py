"""The tail of a log: it follows until you scroll away, and follows again at the end. It can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.safe import safe
from lab.tui.filter import Search
from lab.tui.format import clock
from lab.tui.text import Line, Span, wrap, wrap_spans
from lab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from lab.db.queries import LogLine


_LONGEST = 2000  # characters of one line: a traceback's worth


class Log(Lines, can_focus=True):
    """Log lines with their time, wrapped under themselves."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(follow=True, id=id)
        self._job: int | None = None
        self._shown: Sequence[LogLine] = ()
        self._search: Search | None = None
        self._found: dict[int, int] = {}  # id of a line that has what is searched → the row where it begins
        self._here: int | None = None  # id of the one that the user is at

    def tell(self, job: int | None, lines: Sequence[LogLine]) -> None:
        """Show the log of a job; the same list again costs nothing."""
        if lines is self._shown and job == self._job:
            return
        other, self._job, self._shown = job != self._job, job, lines
        self.show(self._rows)
        if other:
            self.scroll_to_end()

    def _rows(self, cells: int) -> list[Line]:
        self._found = {}
        rows: list[Line] = []
        for line in self._shown:
            found = self._search.found(_text(line)) if self._search else ()
            if found:
                self._found[line.id] = len(rows)
            rows += laid_out(line, cells, found, here=line.id == self._here) if found else _unmarked(line, cells)
        return rows

    # ------------------------------------------------------------ search

    @property
    def place(self) -> tuple[int, int]:
        """Which of the lines that were found the user is at, from 1; 0 where at none. And how many they are."""
        found = list(self._found)
        return (found.index(self._here) + 1 if self._here in self._found else 0), len(found)

    def search(self, search: Search | None) -> None:
        """Mark what is found, and go to the last of it that is not below the window; None: nothing any more."""
        bottom = self.scroll_offset.y + self.size.height
        self._search, self._here = search, None
        self.show(self._rows)
        before = [line for line, row in self._found.items() if row < bottom]
        first = next(iter(self._found), None)
        self._go(before[-1] if before else first)

    def step(self, by: int) -> None:
        """To the next line that was found, or the one before; after the last comes the first."""
        found = list(self._found)
        if found:
            at = found.index(self._here) + by if self._here in self._found else 0
            self._go(found[at % len(found)])

    def _go(self, line: int | None) -> None:
        self._here = line
        self.show(self._rows)
        if line is not None:
            row, height = self._found[line], self.size.height
            if not self.scroll_offset.y <= row < self.scroll_offset.y + height:
                self.scroll_to(y=max(row - height // 2, 0), animate=False, immediate=True, force=True)


def laid_out(line: LogLine, cells: int, found: Sequence[tuple[int, int]] = (), *, here: bool = False) -> list[Line]:
    """One log line as the lines it takes: the time once, the text beside it, marked where something was found."""
    time = clock(line.at) + " "
    text, wide = _text(line), cells - len(time)
    rows = wrap_spans(_marked(text, found, "here" if here else "found"), wide) if found else wrap(text, wide)
    return [((time if number == 0 else " " * len(time), "dim"), *row) for number, row in enumerate(rows)]


@lru_cache(maxsize=8192)
def _unmarked(line: LogLine, cells: int) -> list[Line]:
    """A log of thousands of lines is laid out again with each line that comes; all but that one are as they were."""
    return laid_out(line, cells)


def _text(line: LogLine) -> str:
    text = line.text if len(line.text) <= _LONGEST else f"{line.text[:_LONGEST]} … {len(line.text):,} characters"
    return safe(text)


def _marked(text: str, found: Sequence[tuple[int, int]], tone: str) -> list[Span]:
    spans: list[Span] = []
    end = 0
    for start, stop in found:
        spans += [(text[end:start], ""), (text[start:stop], tone)]
        end = stop
    return [*spans, (text[end:], "")]
