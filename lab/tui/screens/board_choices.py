"""What is chosen from on the Results screen: a metric, and a method that is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from lab.safe import one_line
from lab.tui.format import fraction
from lab.tui.screens.picker import Picker
from lab.tui.text import Line
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.tui.feeds.board import Board, BoardRow


async def pick_metric(app: App[Any], board: Board) -> str | None:
    """Choose the metric of the board."""
    from lab.metrics.aggregate import METRICS

    def better(name: str, _: int) -> Line:
        higher = METRICS[name].higher_is_better
        return (("" if higher is None else "higher is better" if higher else "lower is better", "dim"),)

    columns: list[Column[str]] = [
        Column("metric", 34, lambda name, _: ((METRICS[name].label, "strong"),), stays=True, grows=True),
        Column("", 16, better),
    ]
    picker = Picker("metric", columns, board.metrics, str, lambda name: f"{METRICS[name].label} {name}", board.metric)
    return await app.push_screen_wait(picker)


async def pick_row(app: App[Any], title: str, rows: Sequence[BoardRow], present: str) -> BoardRow | None:
    """Choose a method that is evaluated."""
    columns: list[Column[BoardRow]] = [
        Column("method", 16, lambda row, _: ((one_line(row.name), "strong"),), stays=True),
        Column("score", 5, lambda row, _: ((fraction(row.evidence.summary.mean), ""),), right=True),
        Column("what it is", 30, lambda row, _: ((one_line(row.about), "dim"),), grows=True),
    ]
    picker = Picker(title, columns, rows, lambda row: row.name, lambda row: f"{row.name} {row.about}", present)
    return await app.push_screen_wait(picker)
