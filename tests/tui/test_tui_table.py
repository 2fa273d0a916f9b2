"""The table: a cursor that stays on its row, columns that make room, paint only for what changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from lab.tui.text import Line
from lab.tui.widgets.columns import ordered
from lab.tui.widgets.table import Column, Remark, Table, plan_columns


@dataclass(frozen=True)
class Thing:
    key: int
    name: str
    size: float = 0.0
    fault: str = ""


def _remark(thing: Thing) -> Line:
    return ((thing.fault, "bad"),) if thing.fault else ()


COLUMNS: list[Column[Thing]] = [
    Column("id", 4, lambda thing, _: ((str(thing.key), ""),), right=True),
    Column("name", 8, lambda thing, _: ((thing.name, "strong"),), grows=True),
    Column("size", 6, lambda thing, _: ((f"{thing.size:.2f}", ""),), right=True, rank=1),
    Column("extra", 20, lambda thing, _: (("…", ""),), rank=2),
]


class TableApp(App[None]):
    def __init__(self, rows: list[Thing]) -> None:
        super().__init__()
        self.rows = rows
        self.heard: list[str] = []

    def compose(self) -> ComposeResult:
        yield Table(COLUMNS, lambda thing: thing.key, remark=Remark(_remark, "size", "extra"), id="things")

    def on_mount(self) -> None:
        self.table.fill(self.rows)
        self.table.focus()

    @property
    def table(self) -> Table[Thing]:
        return self.query_one(Table)

    def on_table_moved(self, event: Table.Moved) -> None:
        self.heard.append(f"moved {event.table.row and event.table.row.key}")

    def on_table_marked(self, event: Table.Marked) -> None:
        self.heard.append(f"marked {len(event.table.marks)}")

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.heard.append(f"chosen {event.table.row.key}")


def _things(count: int) -> list[Thing]:
    return [Thing(key, f"thing {key}") for key in range(count)]


@contextmanager
def _painted(table: Table[Thing]) -> Iterator[list[Region]]:
    regions: list[Region] = []
    refresh = table.refresh
    table.refresh = lambda *some, **how: regions.extend(some) or refresh(*some, **how)  # type: ignore[method-assign]
    yield regions
    table.refresh = refresh  # type: ignore[method-assign]


async def test_the_cursor_stays_on_its_row_when_others_come_above_it() -> None:
    app = TableApp(_things(5))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "down")
        app.table.fill([Thing(99, "new"), *_things(5)])
        assert app.table.row == Thing(2, "thing 2")


async def test_the_cursor_stays_at_its_height_when_its_row_is_gone_and_says_that_it_moved() -> None:
    app = TableApp(_things(5))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("end")
        app.table.fill(_things(3))
        await pilot.pause()
        assert app.table.row == Thing(2, "thing 2")
        assert app.heard[-1] == "moved 2"
        app.table.fill([])
        assert app.table.row is None
        await pilot.press("down", "enter")
        assert "chosen" not in " ".join(app.heard)


async def test_keys_move_and_enter_chooses() -> None:
    app = TableApp(_things(100))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("j", "j", "k", "enter")
        assert app.heard[-1] == "chosen 1"
        await pilot.press("pagedown")
        assert app.table.row == Thing(11, "thing 11")
        await pilot.press("end", "enter")
        assert app.heard[-1] == "chosen 99"
        assert "thing 99" in app.table.render_line(11).text
        await pilot.press("home")
        assert "thing 0" in app.table.render_line(1).text
        assert "name" in app.table.render_line(0).text  # the header stays


async def test_a_click_moves_the_cursor_and_a_second_one_chooses() -> None:
    app = TableApp(_things(9))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.click("#things", offset=(5, 4))
        assert app.table.row == Thing(3, "thing 3")
        await pilot.double_click("#things", offset=(5, 6))
        assert app.heard[-1] == "chosen 5"


async def test_only_cells_that_changed_are_painted() -> None:
    things = _things(5)
    app = TableApp(things)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        with _painted(app.table) as regions:
            app.table.fill(list(things))
            assert regions == []
            app.table.fill([things[0], replace(things[1], size=1.25), *things[2:]])
            (region,) = regions
            assert (region.y, region.height) == (2, 1)
            assert region.width <= 6


async def test_ten_thousand_rows_cost_no_more_than_those_in_view() -> None:
    asked: list[int] = []

    def key(thing: Thing) -> int:
        return thing.key

    def value(thing: Thing, _: int) -> Line:
        asked.append(thing.key)
        return ((thing.name, ""),)

    class Wide(TableApp):
        def compose(self) -> ComposeResult:
            yield Table([Column("name", 20, value)], key)

    app = Wide(_things(10_000))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert len(set(asked)) < 60


async def test_a_remark_takes_the_place_of_the_cells_it_covers() -> None:
    app = TableApp([Thing(1, "good", 2.0), Thing(2, "bad", fault="it broke\x1b[31m because\nof this")])
    async with app.run_test(size=(60, 12)):
        assert "2.00" in app.table.render_line(1).text
        assert "it broke because of this" in app.table.render_line(2).text


@pytest.mark.parametrize(("cells", "titles"), [(60, 4), (40, 3), (18, 2), (5, 2)])
def test_columns_of_the_highest_rank_make_room_first(cells: int, titles: int) -> None:
    plan = plan_columns(COLUMNS, cells)
    assert [column.title for column, _ in plan] == ["id", "name", "size", "extra"][:titles]
    if cells > 5:
        assert sum(wide for _, wide in plan) + 2 * (len(plan) - 1) == cells


# ---------------------------------------------------------------- order


SORTABLE: list[Column[Thing]] = [
    replace(COLUMNS[0], sort=lambda thing: thing.key),
    replace(COLUMNS[1], sort=lambda thing: thing.name),
    replace(COLUMNS[2], sort=lambda thing: thing.size or None),
    COLUMNS[3],
]
MIXED = [Thing(3, "b", 2.0), Thing(1, "C", 0.0), Thing(2, "a", 9.0), Thing(4, "b", 1.0)]


class SortableApp(TableApp):
    def compose(self) -> ComposeResult:
        yield Table(SORTABLE, lambda thing: thing.key, marking=True, id="things")


def _keys(app: TableApp) -> list[int]:
    return [thing.key for thing in app.table.rows]


async def test_o_sorts_by_one_column_after_the_other_and_then_as_the_rows_came() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        assert _keys(app) == [3, 1, 2, 4]
        for keys, arrow in (
            ([1, 2, 3, 4], "▴id"),
            ([2, 3, 4, 1], "name▴"),
            ([4, 3, 2, 1], "▴size"),
            ([3, 1, 2, 4], ""),
        ):
            await pilot.press("o")
            assert _keys(app) == keys
            assert arrow in app.table.render_line(0).text
        assert "▴" not in app.table.render_line(0).text


async def test_capital_o_turns_the_order_round_and_rows_without_a_value_stay_last() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("O")
        assert _keys(app) == [3, 1, 2, 4]
        await pilot.press("o", "o", "o", "O")
        assert _keys(app) == [2, 3, 4, 1]
        assert "▾size" in app.table.render_line(0).text
        await pilot.press("O")
        assert _keys(app) == [4, 3, 2, 1]


async def test_a_click_on_a_title_sorts_up_then_down_then_as_the_rows_came() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        for keys in ([2, 3, 4, 1], [1, 3, 4, 2], [3, 1, 2, 4]):
            await pilot.click("#things", offset=(9, 0))
            assert _keys(app) == keys
        await pilot.click("#things", offset=(45, 0))  # a column that puts nothing in order
        assert _keys(app) == [3, 1, 2, 4]


async def test_the_order_holds_when_rows_come_and_the_cursor_stays_on_its_row() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("down", "o", "o")
        assert app.table.row == MIXED[1]
        app.table.fill([Thing(9, "A0"), *MIXED])
        assert _keys(app) == [2, 9, 3, 4, 1]
        assert app.table.row == MIXED[1]


async def test_the_column_that_is_sorted_by_is_brought_in_sight() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(18, 12)) as pilot:
        await pilot.pause()
        assert "size" not in app.table.render_line(0).text
        await pilot.press("o", "o", "o")
        assert "▴size" in app.table.render_line(0).text


async def test_a_table_without_such_columns_leaves_the_keys_alone() -> None:
    app = TableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("o", "space", "a")
        assert _keys(app) == [3, 1, 2, 4]
        assert app.table.marks == set()
        assert not any(app.table.check_action(action, ()) for action in ("sort", "reverse", "mark", "mark_all"))


values = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), st.booleans(), st.lists(st.integers()))


@given(st.lists(values), st.booleans())
def test_whatever_rows_hold_they_are_put_in_an_order(rows: list[object], descending: bool) -> None:
    found = ordered(rows, lambda row: row, descending=descending)
    assert sorted(map(repr, found)) == sorted(map(repr, rows))


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False), st.integers())))
def test_numbers_go_up_or_down_and_none_comes_last(rows: list[float | None]) -> None:
    known = [row for row in rows if row is not None]
    missing = [None] * (len(rows) - len(known))
    assert ordered(rows, lambda row: row, descending=False) == sorted(known) + missing
    assert ordered(rows, lambda row: row, descending=True) == sorted(known, reverse=True) + missing


# ---------------------------------------------------------------- marks


async def test_space_marks_a_row_and_goes_on_and_a_marks_all_or_none() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("space", "down", "space")
        assert app.table.marks == {3, 2}
        assert [app.table.render_line(y).text[0] for y in range(1, 5)] == ["●", " ", "●", " "]
        await pilot.press("home", "space")
        assert app.table.marks == {2}
        await pilot.press("a")
        assert app.table.marks == {1, 2, 3, 4}
        await pilot.press("asterisk")
        assert app.table.marks == set()


async def test_marks_stay_with_their_rows_in_sight_or_not() -> None:
    app = SortableApp(MIXED)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("space", "o")
        assert app.table.render_line(3).text.startswith("●   3")
        app.table.fill(MIXED[1:])
        await pilot.press("a")
        assert app.table.marks == {1, 2, 3, 4}
        await pilot.press("a")  # those in sight
        assert app.table.marks == {3}
        app.table.unmark()
        await pilot.pause()
        assert app.table.marks == set()
        assert app.heard[-1] == "marked 0"


async def test_ten_thousand_rows_are_sorted_once_and_not_again_while_they_are_the_same() -> None:
    asked: list[int] = []

    def size(thing: Thing) -> float:
        asked.append(thing.key)
        return -thing.key

    class Big(TableApp):
        def compose(self) -> ComposeResult:
            yield Table([replace(COLUMNS[0], sort=size)], lambda thing: thing.key)

    things = _things(10_000)
    app = Big(things)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("o")
        assert len(asked) == 10_000
        for _ in range(5):
            app.table.fill(things)
        assert len(asked) == 10_000
        assert app.table.rows[0].key == 9999
