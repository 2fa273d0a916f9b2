"""The personas on a plane, a letter for each cluster, drawn in cells: it reads without colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from string import ascii_uppercase
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.text import Line, Span, fit, fit_line, merged, width, wrap_spans

if TYPE_CHECKING:
    from lab.tui.feeds.persona_maps import PersonaMap

_ALONE = "•"  # a persona of no cluster
_TONES = ("second", "good", "accent", "warn", "bad", "")
_LEGEND = 3  # lines at most
Cell = tuple[int, int]


def letter(label: int | None) -> str:
    """`A` for the largest cluster, then `B`; past `Z` they are `a` … and then `*`."""
    if label is None:
        return _ALONE
    return (ascii_uppercase + ascii_uppercase.lower())[label] if 0 <= label < 2 * len(ascii_uppercase) else "*"


def tone(label: int | None) -> str:
    """Clusters of one colour differ by their letter."""
    return "dim" if label is None else _TONES[label % len(_TONES)]


def map_lines(found: PersonaMap, here: str, cells: int, rows: int) -> list[Line]:
    """Title, plane and legend in so many cells and rows; `here` stands in brackets, with its name beside it."""
    head = fit_line(((found.title, "head"), ("  first two principal components", "dim")), cells)
    legend = _legend(found, here, cells)
    height = rows - 1 - len(legend)
    if height < 2 or cells < 8 or not found.places:
        return [head, *legend][: max(rows, 0)]
    return [head, *_plane(found, here, cells, height), *legend]


def _plane(found: PersonaMap, here: str, cells: int, rows: int) -> list[Line]:
    where = {persona: _cell(place, found, cells, rows) for persona, place in found.places.items()}
    crowd: dict[Cell, Counter[int | None]] = {}
    for persona, cell in where.items():
        crowd.setdefault(cell, Counter())[found.labels.get(persona)] += 1
    grid: list[list[Span]] = [[(" ", "")] * cells for _ in range(rows)]
    for (x, y), labels in crowd.items():
        most = min(labels, key=lambda label: (-labels[label], -1 if label is None else label))
        grid[y][x] = (letter(most), tone(most))
    if here in where:
        _point(grid, where[here], here, letter(found.labels.get(here)))
    return [merged(row) for row in grid]


def _cell(place: tuple[float, float], found: PersonaMap, cells: int, rows: int) -> Cell:
    """Brackets and a name have room around every persona."""
    xs, ys = zip(*found.places.values(), strict=True)
    x = _scaled(place[0], min(xs), max(xs), cells - 3) + 1
    return x, rows - 1 - _scaled(place[1], min(ys), max(ys), rows - 1)


def _scaled(value: float, low: float, high: float, most: int) -> int:
    return round((value - low) / (high - low) * most) if high > low else most // 2


def _point(grid: list[list[Span]], at: Cell, name: str, mark: str) -> None:
    """`[A]maya`, or `maya[A]` where there is no room to the right."""
    x, y = at
    row = grid[y]
    label = fit(one_line(name), min(width([(one_line(name), "")]), 14))
    room = width([(label, "")])
    row[x - 1], row[x], row[x + 1] = ("[", "strong"), (mark, "strong"), ("]", "strong")
    start = x + 2 if x + 2 + room <= len(row) else x - 1 - room
    if start >= 0:
        # A wide character fills two cells: the one after it is left empty.
        row[start : start + room] = [(label, "strong"), *[("", "")] * (room - 1)]


def _legend(found: PersonaMap, here: str, cells: int) -> list[Line]:
    """`A 38 · B 61`: how many are in each cluster, that of `here` in brackets."""
    if not found.labels:
        return []
    own = found.labels.get(here)
    sizes: Mapping[int, int] = Counter(found.labels.values())
    spans: list[Span] = []
    for label in sorted(sizes):
        mark = f"[{letter(label)}]" if label == own else f" {letter(label)} "
        spans += [(mark, "strong" if label == own else tone(label)), (f" {sizes[label]}  ", "dim")]
    return wrap_spans(spans, cells)[:_LEGEND]
