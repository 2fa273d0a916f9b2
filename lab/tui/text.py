"""Text as the screens see it: lines of spans, never markup.

Whatever comes from a model, a data set or a log is cleaned by `safe` and laid out here as plain text, so
nothing in it can colour the screen, move the cursor or break a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len, chop_cells, set_cell_size

Span = tuple[str, str]
"""A piece of text and its tone; the tones are the component classes of `lab.tui.widgets.lines.Lines`."""
Line = tuple[Span, ...]

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# C0 and C1 controls, marks that turn the direction of writing, and characters of no width of their own.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_WORD = re.compile(r"\s*\S+")


def safe(text: str) -> str:
    """The text without escape sequences, control characters and direction marks; tabs become spaces.

    New lines stay: they are for the layout to act on.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\t", "    "))
    return _UNSAFE.sub("", text).encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """The text on one line, safe to print."""
    return " ".join(safe(text).split())


def width(line: Iterable[Span]) -> int:
    """How many terminal cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """The text in exactly so many cells: padded, or cut with an ellipsis."""
    length = cell_len(text)
    if length > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 0 else ""
    pad = " " * (cells - length)
    return pad + text if right else text + pad


def fit_line(line: Line, cells: int) -> Line:
    """The line in exactly so many cells: padded with spaces, or cut with an ellipsis."""
    kept: list[Span] = []
    left = cells
    for text, tone in line:
        length = cell_len(text)
        if length > left:
            return (*kept, (fit(text, left), tone))
        kept.append((text, tone))
        left -= length
    return (*kept, (" " * left, "")) if left else tuple(kept)


def joined(parts: Iterable[Line], separator: str = "  ") -> Line:
    """The parts one after another, leaving out empty ones."""
    line: list[Span] = []
    for part in parts:
        if part:
            line += [(separator, ""), *part] if line else part
    return tuple(line)


@lru_cache(maxsize=4096)
def wrap(text: str, cells: int, tone: str = "") -> tuple[Line, ...]:
    """The safe text in lines of at most so many cells, broken between words where that is possible."""
    return tuple(wrap_spans(((text, tone),), cells))


def wrap_spans(spans: Iterable[Span], cells: int) -> list[Line]:
    """Spans in lines of at most so many cells; a new line in a span ends the line."""
    cells = max(cells, 1)
    lines: list[Line] = []
    current: list[Span] = []
    left = cells
    for piece, tone in _pieces(spans, cells):
        if piece == "\n":
            lines.append(_merged(current))
            current, left = [], cells
            continue
        text = piece
        if cell_len(text) > left and current:
            lines.append(_merged(current))
            current, left = [], cells
            text = piece.lstrip(" ")
        current.append((text, tone))
        left -= cell_len(text)
    lines.append(_merged(current))
    return lines


def _pieces(spans: Iterable[Span], cells: int) -> Iterator[Span]:
    """Words with the space before them, none wider than a line, and new lines on their own."""
    for text, tone in spans:
        for number, row in enumerate(safe(text).split("\n")):
            if number:
                yield "\n", tone
            end = 0
            for match in _WORD.finditer(row):
                end = match.end()
                for piece in chop_cells(match[0], cells):
                    yield piece, tone
            if trailing := row[end:]:
                yield trailing[:cells], tone


def _merged(spans: list[Span]) -> Line:
    """Neighbours of one tone as one span."""
    return tuple(("".join(text for text, _ in group), tone) for tone, group in groupby(spans, key=lambda span: span[1]))


def beside(columns: Iterable[tuple[list[Line], int]], gap: Line = ((" │ ", "faint"),)) -> list[Line]:
    """Blocks of lines side by side; each block comes with its width in cells."""
    blocks = list(columns)
    height = max((len(lines) for lines, _ in blocks), default=0)
    rows: list[Line] = []
    for y in range(height):
        row: list[Span] = []
        for number, (lines, cells) in enumerate(blocks):
            row += gap if number else ()
            row += fit_line(lines[y] if y < len(lines) else (), cells)
        rows.append(tuple(row))
    return rows


def changes(old: Line, new: Line) -> list[tuple[int, int]]:
    """(x, width) of what has to be painted to turn one line into the other."""
    if old == new:
        return []
    if [cell_len(text) for text, _ in old] != [cell_len(text) for text, _ in new]:
        return [(0, max(width(old), width(new)))]
    regions: list[tuple[int, int]] = []
    x = 0
    for before, after in zip(old, new, strict=True):
        cells = cell_len(after[0])
        if before != after and cells:
            regions.append((x, cells))
        x += cells
    return regions
