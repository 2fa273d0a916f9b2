"""Text as the screens see it: lines of spans, never markup.

Whatever comes from a model, a data set or a log is cleaned by `lab.safe` and laid out here as plain text, so
nothing in it can colour the screen, move the cursor or break a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby, zip_longest

from rich.cells import cell_len, chop_cells, set_cell_size

from lab.safe import safe

Span = tuple[str, str]
"""A piece of text and its tone; the tones are in `lab.tui.tones`."""
Line = tuple[Span, ...]

_LONGEST = 100_000  # characters of a text that are laid out; nobody scrolls through more
_LONGEST_SPAN = 4000  # characters of a line: more than any terminal is wide, accents and all
_NEAR = 12  # cells: moving the cursor costs about as much as painting so many
_PER_CELL = 10  # characters: a letter and the most accents that `safe` leaves on it
_WORD = re.compile(r"\s*\S+")


def clean(line: Iterable[Span]) -> Line:
    """The line with nothing in it that a terminal would act on."""
    return tuple((safe(text[:_LONGEST_SPAN]).replace("\n", " "), tone) for text, tone in line)


def width(line: Iterable[Span]) -> int:
    """How many terminal cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """The text in exactly so many cells: padded, or cut with an ellipsis."""
    text = _enough(text, cells)
    length = cell_len(text)
    if length > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 0 else ""
    pad = " " * (cells - length)
    return pad + text if right else text + pad


def _enough(text: str, cells: int) -> str:
    """As much of a text as can matter in so many cells: to measure a megabyte for a column takes a second."""
    return text[: _PER_CELL * (cells + 1)]


def fit_middle(text: str, cells: int) -> str:
    """The text in at most so many cells: cut in the middle, so that its end stays."""
    if len(text) > 2 * _PER_CELL * (cells + 1):
        text = _enough(text, cells) + text[-_PER_CELL * (cells + 1) :]
    length = cell_len(text)
    if length <= cells:
        return text
    end = ""
    for character in reversed(text):
        if cell_len(end) + cell_len(character) > max(cells - 1, 0) * 2 // 3:
            break
        end = character + end
    return fit(text, cells - cell_len(end)) + end


def fit_line(line: Line, cells: int) -> Line:
    """The line in exactly so many cells: padded with spaces, or cut with an ellipsis."""
    kept: list[Span] = []
    left = cells
    for whole, tone in line:
        text = _enough(whole, left)
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
            lines.append(merged(current))
            current, left = [], cells
            continue
        text = piece
        if cell_len(text) > left and current:
            lines.append(merged(current))
            current, left = [], cells
            text = piece.lstrip(" ")
        current.append((text, tone))
        left -= cell_len(text)
    lines.append(merged(current))
    return lines


def _pieces(spans: Iterable[Span], cells: int) -> Iterator[Span]:
    """Words with the space before them, none wider than a line, and new lines on their own."""
    for text, tone in spans:
        for number, row in enumerate(safe(_bounded(text)).split("\n")):
            if number:
                yield "\n", tone
            end = 0
            for match in _WORD.finditer(row):
                end = match.end()
                word = match[0]
                for piece in chop_cells(word, cells) if cell_len(word) > cells else (word,):
                    yield piece, tone
            if trailing := row[end:]:
                yield trailing[:cells], tone


def _bounded(text: str) -> str:
    """The text, or both ends of one so long that laying it out would keep the keys waiting."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters are not shown …\n{text[-half:]}"


def merged(spans: Iterable[Span]) -> Line:
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
    """(x, width) of the cells to paint to turn one line into the other; near ones are painted together."""
    if old == new:
        return []
    before, after = _cells(old), _cells(new)
    regions: list[tuple[int, int]] = []
    for x, (was, now) in enumerate(zip_longest(before, after, fillvalue=(" ", ""))):
        if was == now:
            continue
        start, end = regions[-1] if regions else (0, -_NEAR - 1)
        if x - (start + end) <= _NEAR:
            regions[-1] = (start, x + 1 - start)
        else:
            regions.append((x, 1))
    return regions


def _cells(line: Line) -> list[Span]:
    """The line cell by cell; a wide character leaves its second cell empty, an accent stays with its letter."""
    cells: list[Span] = []
    for text, tone in line:
        for character in text:
            wide = 1 if character.isascii() else cell_len(character)
            if wide == 0 and cells:
                cells[-1] = (cells[-1][0] + character, tone)
            else:
                cells += [(character, tone), ("", tone)][:wide]
    return cells
