"""Numbers of any unit are written with the digits that are known of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.digits import digits


@pytest.mark.parametrize(
    ("largest", "width", "form"),
    [
        (0.8, 0.05, ".3f"),
        (0.8, 0.4, ".3f"),
        (0.8, 0.0, ".4f"),
        (0.8, 0.005, ".4f"),
        (0.0, 0.0, ".3f"),
        (163.0, 30.0, ".1f"),
        (163.0, 0.2, ".2f"),
        (1.6e5, 3e3, ".0f"),
        (2e-4, 9e-6, ".3e"),
        (1e9, 9e6, ".4e"),
        (1e100, 1e98, ".3e"),
    ],
)
def test_the_unit_decides_where_digits_begin_and_the_interval_where_they_end(largest, width, form):
    assert digits([largest, -largest / 2], [width, 0.0, 2 * width]) == form


@given(
    st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100),
    st.floats(1e-100, 1e100),
)
def test_no_interval_is_written_as_a_point(middle, width):
    low, high = middle - width, middle + width
    if high - low > 1e-9 * abs(middle):
        form = digits([low, high], [high - low])
        assert f"{low:{form}}" != f"{high:{form}}"
        assert len(f"{low:+{form}}") <= 20
