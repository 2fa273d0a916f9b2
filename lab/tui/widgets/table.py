"""A table of any length that costs only the rows in view, and repaints only the cells that changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Generic

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from lab.tui.text import Line, Span, changes, clean, fit_line
from lab.tui.tones import cursor_style
from lab.tui.widgets.columns import (
    GAP,
    Column,
    Plan,
    Remark,
    Row,
    cell,
    covered_by,
    ordered,
    plan_columns,
    plan_pages,
    said,
)
from lab.tui.widgets.lines import Lines

__all__ = ["GAP", "Column", "Remark", "Table", "plan_columns"]

_MARK, _UP, _DOWN = "●", "▴", "▾"


class Table(Lines, Generic[Row], can_focus=True):
    """Rows under a header, with a cursor that stays on its row when rows come and go.

    Columns that can `sort` do so in place of the order that the rows come in. With `marking`, rows can be marked;
    marks are by key, so they stay where rows move, or are out of sight for a while.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "open", id="table.open"),
        Binding("space", "mark", "mark", key_display="space", id="table.mark"),
        Binding("asterisk,a", "mark_all", "mark all", key_display="a *", show=False, id="table.mark_all"),
        Binding("o", "sort(1)", "sort", id="table.sort"),
        Binding("O", "reverse", "sort the other way", show=False, id="table.reverse"),
        Binding("right", "columns(1)", "more columns", id="table.columns"),
        Binding("left", "columns(-1)", "columns before", show=False, id="table.columns_back"),
        Binding("up,k", "move(-1)", "up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "down", show=False, id="table.down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="table.page_down"),
        Binding("home", "move(-1000000000)", "first", show=False, id="table.first"),
        Binding("end", "move(1000000000)", "last", show=False, id="table.last"),
    ]

    class Told(Message):
        """Something happened to the table."""

        def __init__(self, table: Table[Any]) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Table[Any]:
            """The table, for `on(Table.Moved, "#id")`."""
            return self.table

    class Moved(Told):
        """The cursor is on another row."""

    class Chosen(Moved):
        """Enter or a click on the row under the cursor."""

    class Marked(Told):
        """Rows were marked, or are no more."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        remark: Remark[Row] | None = None,
        marking: bool = False,
        id: str | None = None,  # noqa: A002 (Textual's name for it)
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._key = key
        self._remark = remark
        self._marking = marking
        self._given: Sequence[Row] = ()  # in the order they came
        self._rows: Sequence[Row] = ()
        self._sorted_by = ""  # title of a column; "": as they came
        self._descending = False
        self.marks: set[Hashable] = set()
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
        if rows is not self._given:
            self._given = rows
            self._put_in_order()
        else:
            self._lay_out()

    def _put_in_order(self) -> None:
        before = self._key(self.row) if self.row is not None else None
        column = next((one for one in self._columns if one.title == self._sorted_by), None)
        rows = self._given
        if column is not None and column.sort is not None:
            rows = ordered(rows, column.sort, descending=self._descending)
        if bool(rows) != bool(self._rows):
            self.call_later(self.screen.refresh_bindings)
        self._rows = rows
        places = (place for place, row in enumerate(rows) if self._key(row) == before)
        self.cursor = next(places, min(self.cursor, max(len(rows) - 1, 0)))
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
        pages = plan_pages(self._columns, cells - self._gutter)
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
    def _gutter(self) -> int:
        """Cells for the mark before each row."""
        return 1 if self._marking else 0

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
        """The titles: an arrow at the one that the rows are sorted by, and once how many are left out."""
        left_out = self._left_out
        line: list[Span] = [(" " * self._gutter, "")]
        for column, cells in self._plan:
            title, tone = self._heading(column)
            text = title.rjust(cells) if column.right else title.ljust(cells)
            if left_out and not column.right and cells >= len(title) + len(left_out):
                line += [(title, tone), (left_out, "accent")]
                text, left_out = text[len(title) + len(left_out) :], ""
            line += [(text[:cells], tone), (GAP, "")]
        return tuple(line)

    def _heading(self, column: Column[Row]) -> Span:
        if column.title != self._sorted_by:
            return column.title, "head"
        arrow = _DOWN if self._descending else _UP
        return f"{arrow}{column.title}" if column.right else f"{column.title}{arrow}", "accent"

    def _line(self, row: Row) -> Line:
        says = self._remark
        remark = clean(said(lambda: says.value(row))) if says else ()
        line: list[Span] = []
        if self._marking:
            line += [(_MARK if self._key(row) in self.marks else " ", "accent")]
        covered = covered_by(says, self._columns, self._plan) if says and remark else set()
        spent = False
        for column, cells in self._plan:
            if column.title not in covered:
                line += [*cell(column, row, cells), (GAP, "")]
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
        return cursor_style(self.background_colors[1], self.app.theme_variables, in_focus=self.has_focus)

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
        """More columns where not all fit, marks where they mean something, an order where there is one to choose."""
        del parameters
        if action == "columns":
            return self._more
        if action in ("mark", "mark_all"):
            return self._marking and bool(self._rows)
        if action in ("sort", "reverse"):
            return bool(self._sortable) and bool(self._rows)
        return True

    def action_columns(self, pages: int) -> None:
        """Show the columns that did not fit; after the last, the first again."""
        self._page = (self._page + pages) % len(self._pages)
        self._lay_out()

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        if self.row is not None:
            self.post_message(self.Chosen(self))

    # ------------------------------------------------------------ order

    @property
    def _sortable(self) -> list[str]:
        return [column.title for column in self._columns if column.sort is not None]

    def action_sort(self, by: int) -> None:
        """Sort by the next column; after the last, the order that the rows come in."""
        choices = ["", *self._sortable]
        self.sort_by(choices[(choices.index(self._sorted_by) + by) % len(choices)])

    def action_reverse(self) -> None:
        """The same column, the other way."""
        if self._sorted_by:
            self.sort_by(self._sorted_by, descending=not self._descending)

    def sort_by(self, title: str, *, descending: bool = False) -> None:
        """Put the rows in the order of a column, which is brought in sight; "": in the order they come in."""
        self._sorted_by, self._descending = title, descending
        if title and title not in (column.title for column, _ in self._plan):
            titles = [[column.title for column, _ in page] for page in self._pages]
            self._page = next(number for number, page in enumerate(titles) if title in page)
        self._put_in_order()
        self.refresh()

    def _clicked_title(self, x: int) -> None:
        """First up, then down, then as the rows come."""
        title = self._title_at(x - self._gutter)
        if title not in self._sortable:
            return
        if title != self._sorted_by:
            self.sort_by(title)
        elif self._descending:
            self.sort_by("")
        else:
            self.action_reverse()

    def _title_at(self, x: int) -> str:
        end = 0
        for column, cells in self._plan:
            end += cells + len(GAP)
            if x < end:
                return column.title
        return ""

    # ------------------------------------------------------------ marks

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.row is not None:
            self.marks ^= {self._key(self.row)}
            self._refresh_row(self.cursor)
            self.action_move(1)
            self.post_message(self.Marked(self))

    def action_mark_all(self) -> None:
        """Mark all rows that are here; where they all are, none of them."""
        keys = {self._key(row) for row in self._rows}
        self.marks = self.marks - keys if keys <= self.marks else self.marks | keys
        self.refresh()
        self.post_message(self.Marked(self))

    def unmark(self) -> None:
        """No row is marked any more."""
        self.marks = set()
        self.refresh()
        self.post_message(self.Marked(self))

    def on_click(self, event: Click) -> None:
        """Move the cursor to the row; a second click opens it. A click on a title sorts by its column."""
        place = self.scroll_offset.y + event.y - 1
        if event.y == 0:
            self._clicked_title(event.x)
        elif place < len(self._rows):
            self.action_move(place - self.cursor)
            if event.chain > 1:
                self.action_choose()
