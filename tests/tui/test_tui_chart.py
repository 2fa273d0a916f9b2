from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lab.tui.text import width
from lab.tui.widgets.chart import Series, plot

points = st.lists(st.tuples(st.integers(0, 500), st.floats(-1e6, 1e6)), max_size=60).map(sorted)


def _text(series: list[Series], cells: int = 60, rows: int = 12) -> list[str]:
    return ["".join(text for text, _ in line) for line in plot(series, cells, rows)]


@given(points, points, st.integers(20, 120), st.integers(4, 30))
def test_a_plot_fills_its_cells_and_rows_whatever_the_points(
    train: list[tuple[int, float]], val: list[tuple[int, float]], cells: int, rows: int
) -> None:
    lines = plot([Series("train", "accent", train), Series("val", "second", val)], cells, rows)
    assert len(lines) == (rows if train or val else 0)
    assert all(width(line) == cells for line in lines)


def test_a_falling_curve_starts_at_the_top_left_and_ends_at_the_bottom_right() -> None:
    rows = _text([Series("train", "", [(step, 2 - step / 100) for step in range(1, 101)])])
    drawn = [[x for x, character in enumerate(row[8:]) if "\u2800" < character <= "\u28ff"] for row in rows[:-1]]
    assert drawn[0][0] == 0
    assert drawn[-1][-1] == len(rows[0]) - 9
    assert all(first and after and first[0] <= after[0] for first, after in pairwise(drawn))


def test_the_axes_say_where_the_curve_is() -> None:
    rows = _text([Series("train", "", [(1, 1.9), (186, 0.4)])])
    assert any(row.lstrip().startswith("1.5 ┤") for row in rows)
    assert rows[-1].split() == ["└", "1", rows[-1].split()[2], "step", rows[-1].split()[4], "186"]


def test_a_single_point_and_points_that_are_not_numbers_are_drawn_around() -> None:
    assert any("\u2800" < character <= "\u28ff" for row in _text([Series("a", "", [(5, 0.7)])]) for character in row)
    assert _text([Series("a", "", [(1, math.nan), (2, math.inf)])]) == []


def test_each_curve_keeps_its_tone() -> None:
    lines = plot([Series("a", "accent", [(0, 0), (9, 0)]), Series("b", "second", [(0, 1), (9, 1)])], 40, 8)
    tones = [{tone for text, tone in line if any("\u2800" < c <= "\u28ff" for c in text)} for line in lines]
    assert tones[0] == {"second"}
    assert tones[-2] == {"accent"}
