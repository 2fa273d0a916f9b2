"""The columns of a table: which fit, what each says of a row, and the order that one puts the rows in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lab.tui.text import Line, clean, fit_line, width

Row = TypeVar("Row")
GAP = "  "


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: its title, its width in cells and what it says about a row.

    Where the terminal is too narrow for all, columns of the highest `rank` go first; rank 0 goes never. What
    has gone is on further pages, beside the columns that say which row it is (`stays`). A column that `grows`
    shares what is left over. One with `sort` can put the rows in order: by numbers or by texts, None where a row
    has none.
    """

    title: str
    cells: int
    value: Callable[[Row, int], Line]  # of the row, in so many cells
    right: bool = False
    rank: int = 0
    grows: bool = False
    stays: bool = False
    sort: Callable[[Row], Any] | None = None


@dataclass(frozen=True)
class Remark(Generic[Row]):
    """A sentence that takes the place of the cells from one column to another, for rows that have one."""

    value: Callable[[Row], Line]  # empty: the row has none
    first: str
    last: str


Plan = list[tuple[Column[Row], int]]
"""Columns, with the width of each in cells."""


# ---------------------------------------------------------------- room


def plan_pages(columns: Sequence[Column[Row]], cells: int) -> list[Plan[Row]]:
    """All columns: first those that fit in so many cells, then page by page those that do not."""
    pages = [plan_columns(columns, cells)]
    shown = [column for column, _ in pages[0]]
    stays = [column for column in columns if column.stays]
    left = [column for column in columns if column not in shown]
    while left:
        page = [left.pop(0)]
        while left and _needed([*stays, *page, left[0]]) <= cells:
            page.append(left.pop(0))
        pages.append(plan_columns([*stays, *page], cells))
    return pages


def plan_columns(columns: Sequence[Column[Row]], cells: int) -> Plan[Row]:
    """The columns that fit in so many cells, with the width of each."""
    kept = list(columns)
    while kept and _needed(kept) > cells:
        weakest = max(kept, key=lambda column: column.rank)
        if weakest.rank == 0:
            break
        kept.remove(weakest)
    growing = [column for column in kept if column.grows]
    spare = max(cells - _needed(kept), 0)
    plan = []
    for column in kept:
        extra = 0
        if column.grows:
            extra = spare // len(growing)
            spare -= extra
            growing.pop()
        plan.append((column, column.cells + extra))
    return plan


def _needed(columns: Sequence[Column[Row]]) -> int:
    return sum(column.cells for column in columns) + len(GAP) * max(len(columns) - 1, 0)


# ---------------------------------------------------------------- what they say


def cell(column: Column[Row], row: Row, cells: int) -> Line:
    """What a column says of a row, in exactly so many cells."""
    value = clean(said(lambda: column.value(row, cells)))
    if column.right:
        room = cells - width(value)
        value = ((" " * room, ""), *value) if room > 0 else value
    return fit_line(value, cells)


def said(value: Callable[[], Line]) -> Line:
    """What a column says of a row; `?` where the row holds what no row should, such as a text for a number."""
    try:
        return value()
    except Exception:
        return (("?", "bad"),)


def covered_by(remark: Remark[Row], columns: Sequence[Column[Row]], plan: Plan[Row]) -> set[str]:
    """The titles in sight from the remark's first column to its last."""
    order = [column.title for column in columns]
    inside = order[order.index(remark.first) : order.index(remark.last) + 1]
    return {column.title for column, _ in plan if column.title in inside}


# ---------------------------------------------------------------- order


def ordered(rows: Sequence[Row], value: Callable[[Row], Any], *, descending: bool) -> list[Row]:
    """The rows by this value; those that are alike stay as they were, those without one come last either way."""
    values: list[Any] = [_comparable(value, row) for row in rows]
    known = [place for place, one in enumerate(values) if one is not None]
    if len({type(values[place]) is str for place in known}) > 1:  # a text for a number: no lab has written it
        values = [None if one is None else str(one) for one in values]
    known.sort(key=lambda place: values[place], reverse=descending)
    return [rows[place] for place in known] + [row for row, one in zip(rows, values, strict=True) if one is None]


def _comparable(value: Callable[[Row], Any], row: Row) -> float | str | None:
    """The value as something that can be compared; None where there is none."""
    try:
        found = value(row)
    except Exception:  # as above
        return None
    if type(found) is float or type(found) is int:
        return found if found == found else None  # NaN
    return str(found).casefold() or None if found is not None else None
