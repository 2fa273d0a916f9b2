from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tui import format as shown
from lab.tui.text import width

MOMENT = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.4, "0s"), (59.6, "1m00s"), (192, "3m12s"), (7500, "2h05m"), (370_800, "4d07h")],
)
def test_a_duration_is_in_two_units(seconds: float | None, text: str) -> None:
    assert shown.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(-3, "0s"), (42, "42s"), (300, "5m"), (7300, "2h"), (2e6, "23d")])
def test_an_age_is_in_one_unit_and_never_negative(seconds: float, text: str) -> None:
    assert shown.age(MOMENT, MOMENT + timedelta(seconds=seconds)) == text


def test_a_moment_without_zone_is_utc() -> None:
    assert shown.age(MOMENT.replace(tzinfo=None), MOMENT + timedelta(minutes=3)) == "3m"


@pytest.mark.parametrize(
    ("value", "text", "with_sign"),
    [(0.861, ".861", "+.861"), (-0.0254, "−.025", "−.025"), (1.0, "1.000", "+1.000"), (-0.0001, ".000", ".000")],
)
def test_fractions_have_no_leading_zero_and_a_true_minus(value: float, text: str, with_sign: str) -> None:
    assert shown.fraction(value) == text
    assert shown.signed(value) == with_sign


def test_what_is_not_known_is_a_dash() -> None:
    assert [shown.fraction(None), shown.percent(None), shown.p_value(None), shown.count(None)] == ["–"] * 4


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (512, "512"), (61_204, "61k"), (540_672, "0.54M"), (1.2e9, "1.20G")]
)
def test_counts_are_short(value: float, text: str) -> None:
    assert shown.count(value) == text


def test_places_are_counted_as_people_do() -> None:
    assert [shown.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip


def test_small_p_values_are_bounded() -> None:
    assert (shown.p_value(0.00004), shown.p_value(0.042)) == ("<.001", ".042")


@given(st.floats(-0.5, 1.5), st.integers(1, 30))
def test_a_progress_bar_has_exactly_its_cells(done: float, cells: int) -> None:
    assert width(shown.progress_bar(done, cells)) == cells


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted), st.integers(1, 40))
def test_an_interval_bar_has_its_mean_between_its_ends(ends: list[float], cells: int) -> None:
    low, mean, high = ends
    bar = shown.interval_bar(mean, low, high, (0.0, 1.0), cells)
    assert len(bar) == cells
    assert bar.count("●") == 1
    assert bar.strip().startswith(("├", "●"))
    assert bar.strip().endswith(("┤", "●"))


def test_a_difference_bar_grows_to_the_side_of_its_sign() -> None:
    better, worse = shown.difference_bar(0.02, 0.04, 21), shown.difference_bar(-0.04, 0.04, 21)
    assert [text for text, tone in better if tone == "good"] == ["━" * 5 + " " * 5]
    assert [text for text, tone in worse if tone == "bad"] == ["━" * 10]


def test_a_context_is_its_values() -> None:
    assert shown.context_words({"time_of_day": "evening", "sun_phase": "after_sunset"}) == "evening · after sunset"


def test_one_is_no_plural() -> None:
    assert [shown.counted(number, "job") for number in (0, 1, 1200)] == ["0 jobs", "1 job", "1,200 jobs"]
