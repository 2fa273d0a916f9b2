"""The table: a cursor that stays on its row, columns that make room, paint only for what changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from lab.tui.text import Line
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
