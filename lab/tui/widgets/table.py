"""A table of any length that costs only the rows in view, and repaints only the cells that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from lab.tui.text import Line, Span, changes, clean, fit_line, width
from lab.tui.tones import CURSOR, CURSOR_IN_FOCUS, mixed
from lab.tui.widgets.lines import Lines

Row = TypeVar("Row")
GAP = "  "


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: its title, its width in cells and what it says about a row.

    Where the terminal is too narrow for all, columns of the highest `rank` go first; rank 0 goes never. What
    has gone is on further pages, beside the columns that say which row it is (`stays`). A column that `grows`
    shares what is left over.
    """

    title: str
    cells: int
    value: Callable[[Row, int], Line]  # of the row, in so many cells
    right: bool = False
    rank: int = 0
    grows: bool = False
    stays: bool = False


@dataclass(frozen=True)
class Remark(Generic[Row]):
    """A sentence that takes the place of the cells from one column to another, for rows that have one."""

    value: Callable[[Row], Line]  # empty: the row has none
    first: str
    last: str


Plan = list[tuple[Column[Row], int]]
"""Columns, with the width of each in cells."""


class Table(Lines, Generic[Row], can_focus=True):
    """Rows under a header, with a cursor that stays on its row when rows come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open", id="table.open"),
        Binding("right", "columns(1)", "more columns", id="table.columns"),
        Binding("left", "columns(-1)", "columns before", show=False, id="table.columns_back"),
        Binding("up,k", "move(-1)", "up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="table.page_down"),
        Binding("home", "move(-1000000000)", "first", show=False, id="table.first"),
        Binding("end", "move(1000000000)", "last", show=False, id="table.last"),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, table: Table[Any]) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Table[Any]:
            """The table, for `on(Table.Moved, "#id")`."""
            return self.table

    class Chosen(Moved):
        """Enter or a click on the row under the cursor."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        remark: Remark[Row] | None = None,
        id: str | None = None,  # noqa: A002 (Textual's name for it)
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._key = key
        self._remark = remark
        self._rows: Sequence[Row] = ()
        self._pages: list[Plan[Row]] = [[]]
        self._page = 0
        self._more = False  # columns to show on other pages
        self._painted: dict[int, Line] = {}  # line of the widget → what it shows
        self.cursor = 0

    # ------------------------------------------------------------ content

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, in order."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def fill(self, rows: Sequence[Row]) -> None:
        """Show these rows; the cursor follows its row, or stays at its height if that row is gone."""
        before = self._key(self.row) if self.row is not None else None
        if rows is not self._rows:
            self._rows = rows
            last = max(len(rows) - 1, 0)
            places = (place for place, row in enumerate(rows) if self._key(row) == before)
            self.cursor = next(places, min(self.cursor, last))
        self._lay_out()
        after = self._key(self.row) if self.row is not None else None
        if after != before:
            self.post_message(self.Moved(self))

    def select(self, key: Hashable) -> bool:
        """Put the cursor on the row of this key, if there is one."""
        for place, row in enumerate(self._rows):
            if self._key(row) == key:
                self.action_move(place - self.cursor)
                return True
        return False

    def refit(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns for the same rows."""
        self._columns = columns
        self._lay_out()

    # ------------------------------------------------------------ layout

    def _lay_out(self) -> None:
        cells = self.cells
        if not cells:
            return
        pages = plan_pages(self._columns, cells)
        if len(pages) != len(self._pages):
            self._page = 0
        self._pages = pages
        more = len(pages) > 1 and bool(self._rows)
        if more != self._more:
            self._more = more
            self.call_later(self.screen.refresh_bindings)
        self._resize(cells, len(self._rows) + 1)
        self._show_cursor()
        for y in range(self.size.height):
            if y in self._painted:
                for x, wide in changes(self._painted[y], self._at(y)):
                    self.refresh(Region(x, y, wide, 1))

    @property
    def _plan(self) -> Plan[Row]:
        """The columns in sight, with the width of each."""
        return self._pages[self._page]

    @property
    def _left_out(self) -> str:
        """`+3 →`: so many columns are on other pages."""
        count = len(self._columns) - len(self._plan)
        arrow = " →" if self.can_focus else ""
        return f" +{count}{arrow}" if count else ""

    def _at(self, y: int) -> Line:
        """The line at height `y` of the widget; the header never scrolls."""
        if y == 0:
            return self._header()
        place = self.scroll_offset.y + y - 1
        return self._line(self._rows[place]) if place < len(self._rows) else ()

    def _header(self) -> Line:
        left_out = self._left_out
        line: list[Span] = []
        for column, cells in self._plan:
            title = column.title.rjust(cells) if column.right else column.title.ljust(cells)
            if left_out and not column.right and cells >= len(column.title) + len(left_out):
                line += [(column.title, "head"), (left_out, "accent")]
                title, left_out = title[len(column.title) + len(left_out) :], ""
            line += [(title[:cells], "head"), (GAP, "")]
        return tuple(line)

    def _line(self, row: Row) -> Line:
        says = self._remark
        remark = clean(_said(lambda: says.value(row))) if says else ()
        line: list[tuple[str, str]] = []
        titles = [column.title for column, _ in self._plan]
        covered = _between(titles, self._columns, self._remark) if remark else set()
        spent = False
        for column, cells in self._plan:
            if column.title not in covered:
                line += [*_cell(column, row, cells), (GAP, "")]
            elif not spent:
                spent = True
                room = sum(wide for other, wide in self._plan if other.title in covered)
                line += [*fit_line(remark, room + len(GAP) * (len(covered) - 1)), (GAP, "")]
        return tuple(line)

    # ------------------------------------------------------------ painting

    def render_line(self, y: int) -> Strip:
        """Paint the header or a row."""
        line = self._painted[y] = self._at(y)
        place = self.scroll_offset.y + y - 1
        under_cursor = y > 0 and place == self.cursor and place < len(self._rows)
        return self.strip(line, background=self._cursor_style() if under_cursor else None)

    def _cursor_style(self) -> Style:
        tone = CURSOR_IN_FOCUS if self.has_focus else CURSOR
        return Style(bgcolor=mixed(tone, self.background_colors[1], self.app.theme_variables).rich_color)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor shows where the keys go."""
        super().watch_has_focus(has_focus)
        self._refresh_row(self.cursor)

    def _refresh_row(self, place: int) -> None:
        self.refresh(Region(0, place + 1 - self.scroll_offset.y, self.size.width, 1))

    def _show_cursor(self) -> None:
        top, page = round(self.scroll_target_y), max(self.size.height - 1, 1)
        wanted = min(max(top, self.cursor - page + 1), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)

    # ------------------------------------------------------------ actions

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        place = min(max(self.cursor + rows, 0), max(len(self._rows) - 1, 0))
        if place != self.cursor:
            self._refresh_row(self.cursor)
            self._refresh_row(place)
            self.cursor = place
            self._show_cursor()
            self.post_message(self.Moved(self))

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many windows."""
        self.action_move(pages * max(self.size.height - 2, 1))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is only more to see where not all columns fit."""
        del parameters
        return action != "columns" or self._more

    def action_columns(self, pages: int) -> None:
        """Show the columns that did not fit; after the last, the first again."""
        self._page = (self._page + pages) % len(self._pages)
        self._lay_out()

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.row is not None:
            self.post_message(self.Chosen(self))

    def on_click(self, event: Click) -> None:
        """Move the cursor to the row; a second click opens it."""
        place = self.scroll_offset.y + event.y - 1
        if event.y > 0 and place < len(self._rows):
            self.action_move(place - self.cursor)
            if event.chain > 1:
                self.action_choose()


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


def _cell(column: Column[Row], row: Row, cells: int) -> Line:
    value = clean(_said(lambda: column.value(row, cells)))
    if column.right:
        room = cells - width(value)
        value = ((" " * room, ""), *value) if room > 0 else value
    return fit_line(value, cells)


def _said(value: Callable[[], Line]) -> Line:
    """What a column says of a row; `?` where the row holds what no row should, such as a text for a number."""
    try:
        return value()
    except Exception:
        return (("?", "bad"),)


def _between(titles: Sequence[str], columns: Sequence[Column[Row]], remark: Remark[Row] | None) -> set[str]:
    """The titles shown from the remark's first column to its last."""
    if remark is None:
        return set()
    order = [column.title for column in columns]
    inside = order[order.index(remark.first) : order.index(remark.last) + 1]
    return {title for title in titles if title in inside}
