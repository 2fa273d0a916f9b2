"""Text from models, data and logs is text: it cannot colour, move or break anything."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lab.safe import one_line, safe
from lab.tui.text import Line, beside, changes, fit, fit_line, fit_middle, joined, width, wrap, wrap_spans

anything = st.text(max_size=80)
lines = st.lists(st.tuples(st.text("abc 漢é", max_size=8), st.sampled_from(["", "good", "bad"])), max_size=5).map(tuple)


@given(anything)
def test_safe_text_has_no_control_characters_and_stays_as_it_is_when_cleaned_again(text: str) -> None:
    cleaned = safe(text)
    assert not any(unicodedata.category(character) == "Cc" for character in cleaned.replace("\n", ""))
    assert safe(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07words", "words"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x9b31mred", "31mred"),
        ("one\ttwo", "one    two"),
        ("bell\x07 back\x08", "bell back"),
        ("abc\u202edef", "abcdef"),
        ("a\r\nb", "a\nb"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("\ud800half a pair", "?half a pair"),
    ],
)
def test_safe_takes_out_what_a_terminal_would_act_on(text: str, left: str) -> None:
    assert safe(text) == left


@given(anything)
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)


@given(anything, st.integers(1, 40))
def test_wrapped_lines_are_never_too_wide_and_lose_no_word(text: str, cells: int) -> None:
    rows = wrap(text, cells)
    assert all(width(row) <= max(cells, 2) for row in rows)  # one wide character needs two cells
    kept = "".join(part for row in rows for part, _ in row)
    assert _seen(kept) == _seen(safe(text))


def test_wrapping_breaks_between_words_and_keeps_tones_and_new_lines() -> None:
    rows = wrap_spans([("turn the ", ""), ("lights", "good"), (" on\nplease", "")], 10)
    assert ["".join(text for text, _ in row) for row in rows] == ["turn the ", "lights on", "please"]
    assert ("lights", "good") in rows[1]


@given(anything.map(one_line), st.integers(1, 30), st.booleans())
def test_fitted_text_has_exactly_its_cells(text: str, cells: int, right: bool) -> None:
    assert cell_len(fit(text, cells, right=right)) == cells


@given(lines, st.integers(1, 30))
def test_a_fitted_line_has_exactly_its_cells(line: Line, cells: int) -> None:
    assert width(fit_line(line, cells)) == cells


@given(lines, lines)
def test_painting_the_changes_turns_one_line_into_the_other(old: Line, new: Line) -> None:
    cells = max(width(old), width(new))
    before, after = _cells(old, cells), _cells(new, cells)
    for x, wide in changes(old, new):
        before[x : x + wide] = after[x : x + wide]
    assert before == after


def test_only_the_cells_that_differ_are_painted() -> None:
    def row(progress: str, age: str) -> Line:
        return (("41", "dim"), ("  train  ", ""), (progress, "accent"), (" " * 30, ""), (age, "dim"))

    assert changes(row("62%", "5m"), row("62%", "5m")) == []
    assert changes(row("62%", "5m"), row("63%", "5m")) == [(12, 1)]
    assert changes(row("62%", "5m"), row("63%", "6m")) == [(12, 1), (44, 1)]


@given(anything.map(one_line), st.integers(2, 30))
def test_text_cut_in_the_middle_keeps_both_ends_and_its_cells(text: str, cells: int) -> None:
    cut = fit_middle(text, cells)
    assert cell_len(cut) <= cells
    assert cut == text or "…" in cut


def test_the_end_of_a_name_is_what_tells_it_apart() -> None:
    assert fit_middle("everyone learning_rate=0.0005", 16) == "every…ate=0.0005"
    assert fit_middle("maya", 16) == "maya"


def test_blocks_stand_beside_each_other_at_their_widths() -> None:
    rows = beside([([(("ab", ""),)], 4), ([(("x", ""),), (("y", ""),)], 2)], gap=(("|", ""),))
    assert ["".join(text for text, _ in row) for row in rows] == ["ab  |x ", "    |y "]


def test_joining_leaves_out_what_is_empty() -> None:
    line = joined([(("a", ""),), (), (("b", ""),)], " · ")
    assert "".join(text for text, _ in line) == "a · b"


def _seen(text: str) -> str:
    return "".join(character for character in text if not character.isspace() and cell_len(character))


def _cells(line: Line, cells: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for text, tone in line:
        for character in text:
            found += [(character, tone), ("", tone)][: cell_len(character)]
    return found + [(" ", "")] * (cells - len(found))
