"""Distributions in blocks, and the map of personas in letters."""

from __future__ import annotations

import numpy as np
import pytest

from lab.tui.feeds.persona_maps import PersonaMap
from lab.tui.text import width
from lab.tui.widgets.persona_map import letter, map_lines
from lab.tui.widgets.spread import axis, counted, histogram, scale_of, strip


def _map(labels: dict[str, int], places: dict[str, tuple[float, float]]) -> PersonaMap:
    return PersonaMap("two clusters", "behaviour", (), labels, places, np.zeros((0, 0)))


def _text(lines: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_a_strip_is_full_where_most_are_and_never_empty_where_one_is() -> None:
    values = [0.0] + [1.0] * 100
    assert strip(values, (0.0, 1.0), 4) == "▁  █"
    assert sum(counted(values, (0.0, 1.0), 4)) == len(values)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5], [float("nan"), 0.2], [1e308, -1e308]])
def test_whatever_the_values_a_strip_is_as_wide_as_it_should_be(values: list[float]) -> None:
    scale = scale_of(values)
    assert len(strip(values, scale, 7)) == 7
    assert all(width(line) == 7 for line in histogram(values, scale, 7, 3, ""))


def test_the_axis_has_its_ends_at_the_ends() -> None:
    ((text, _),) = axis((0.25, 0.75), 40)
    assert text.startswith(".25")
    assert text.endswith(".75")
    assert len(text) == 40


def test_clusters_have_letters_and_the_one_under_the_cursor_brackets_and_its_name() -> None:
    found = _map({"a": 0, "b": 0, "c": 1}, {"a": (0.0, 0.0), "b": (1.0, 1.0), "c": (0.5, 0.5)})
    lines = _text(map_lines(found, "c", 40, 9))
    assert all(len(line) <= 40 for line in lines)
    assert "[B]c" in lines[4]
    assert lines[1].rstrip().endswith("A")
    assert lines[-1].split() == ["A", "2", "[B]", "1"]


def test_a_name_stands_to_the_left_where_there_is_no_room_to_the_right() -> None:
    found = _map({}, {"somebody": (1.0, 0.0), "other": (0.0, 1.0)})
    assert "somebody[•]" in _text(map_lines(found, "somebody", 30, 6))[-1]


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_a_map_takes_no_more_rows_than_it_has(rows: int) -> None:
    found = _map({"a": 0, "b": 1}, {"a": (0.0, 0.0), "b": (1.0, 1.0)})
    assert len(map_lines(found, "a", 30, rows)) <= rows


def test_letters_go_on_after_z() -> None:
    assert [letter(label) for label in (None, 0, 25, 26, 51, 52)] == ["•", "A", "Z", "a", "z", "*"]
