from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.tui.text import width
from lab.tui.widgets.axes import Frame, clipped, closest, value_at, window
from lab.tui.widgets.chart import Series, plot
from lab.tui.widgets.legend import legends

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


# ---------------------------------------------------------------- logarithm, window, cursor, letters


def _drawn(row: str) -> str:
    return row[8:]


def test_an_exponential_is_a_straight_line_on_a_logarithmic_axis() -> None:
    rows = _text_in(Frame(log=True), [(step, 10 ** (-step / 100)) for step in range(401)], 68, 21)
    columns = [next(x for x, dot in enumerate(_drawn(row)) if dot != " ") for row in rows[:-1]]
    steps = {second - first for first, second in pairwise(columns)}
    assert steps <= {2, 3, 4}
    labels = {row[:6].strip(): number for number, row in enumerate(rows[:-1])}
    assert [labels[power] for power in ("1", "0.1", "0.01", "0.001", "0.0001")] == [0, 5, 9, 14, 19]


def _text_in(frame: Frame, points: Sequence[tuple[float, float]], cells: int = 60, rows: int = 12) -> list[str]:
    return ["".join(text for text, _ in line) for line in plot([Series("a", "", points)], cells, rows, frame)]


def test_values_without_a_logarithm_are_left_out_and_the_others_drawn() -> None:
    rows = _text_in(Frame(log=True), [(1, 2.0), (2, 0.0), (3, -1.0), (4, 1.0)])
    assert any(dot > "\u2800" for dot in _drawn(rows[0]))
    assert _text_in(Frame(log=True), [(1, -1.0)]) == []


def test_a_narrow_range_has_round_labels_on_a_logarithmic_axis_too() -> None:
    labels = [row[:6].strip() for row in _text_in(Frame(log=True), [(0, 0.41), (9, 0.47)], rows=14)[:-1]]
    shown = [float(label) for label in labels if label]
    assert len(shown) >= 2
    assert all(0.41 <= value <= 0.47 for value in shown)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(points, st.integers(20, 120), st.integers(4, 30), st.booleans(), st.floats(0, 500), st.integers(0, 8))
def test_any_part_of_any_curve_fills_its_cells(
    train: list[tuple[int, float]], cells: int, rows: int, log: bool, cursor: float, zoom: int
) -> None:
    frame = Frame(log, window((0, 500), zoom, cursor), cursor)
    for line in plot([Series("a", "", train, "a"), Series("b", "", train, "b")], cells, rows, frame):
        assert width(line) == cells


def test_a_window_shows_its_steps_only_at_the_height_they_need() -> None:
    points = [(step, 100.0 if step < 50 else step / 100) for step in range(100)]
    rows = _text_in(Frame(x=(60, 80)), points)
    assert rows[-1].split()[1] == "60"
    assert rows[-1].split()[-1] == "80"
    assert not any(row[:6].strip().startswith("100") for row in rows)


def test_a_line_between_two_points_outside_of_the_window_crosses_it() -> None:
    assert clipped([(0, 0.0), (10, 10.0)], (4, 6)) == [(4, 4.0), (6, 6.0)]
    assert clipped([(0, 0.0)], (4, 6)) == []


def test_the_window_halves_around_the_cursor_and_stays_within_the_curve() -> None:
    assert window((0, 100), 0, None) == (0, 100)
    assert window((0, 100), 1, None) == (50, 100)
    assert window((0, 100), 2, 50) == (37.5, 62.5)
    assert window((0, 100), 2, 3) == (0, 25)
    assert window((0, 100), 60, 50) == (48, 52)
    assert window((5, 5), 3, None) == (5, 5)
    assert closest((0, 100)) == 5
    assert closest((0, 1)) == 0


def test_the_cursor_is_a_line_behind_the_curves() -> None:
    rows = _text_in(Frame(cursor=50), [(0, 0.0), (100, 1.0)])
    column = {x for row in rows[:-1] for x, cell in enumerate(_drawn(row)) if cell == "│"}
    assert column == {(60 - 8) // 2}
    assert sum("│" in _drawn(row) for row in rows[:-1]) == len(rows) - 2


def test_curves_carry_letters_so_that_they_are_told_apart_without_colour() -> None:
    curves = [Series(str(at), "", [(x, at + x / 1000) for x in range(100)], "abcdefgh"[at]) for at in range(8)]
    text = ["".join(text for text, _ in line) for line in plot(curves, 120, 30)]
    assert all(any(letter in _drawn(row) for row in text[:-1]) for letter in "abcdefgh")


def test_letters_of_curves_in_one_place_do_not_hide_each_other() -> None:
    points = [(x, 1.0) for x in range(100)]
    rows = plot([Series("1", "", points, "a"), Series("2", "", points, "b")], 60, 8)
    text = "".join(text for line in rows[:-1] for text, _ in line)
    assert "a" in text
    assert "b" in text


def test_the_value_at_a_step_is_what_the_curve_had_come_to() -> None:
    curve = [(20, 1.5), (40, 0.7)]
    assert value_at(curve, 19) is None
    assert value_at(curve, 39) == (20, 1.5)
    assert value_at(curve, 999) == (40, 0.7)


@given(st.integers(30, 140), st.one_of(st.none(), st.integers(0, 100)))
def test_the_legend_has_a_line_for_each_curve_in_its_cells(cells: int, cursor: int | None) -> None:
    curves = [Series("7 persona · train", "", [(1, 0.5), (9, 0.25)], "a"), Series("8 x · val", "", [], "b")]
    lines = legends(curves, cursor, cells)
    assert [width(line) for line in lines] == [cells, cells]
    assert ["".join(text for text, _ in line)[:1] for line in lines] == ["a", "b"]
