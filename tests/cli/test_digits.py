"""Numbers of any unit are written with the digits that are known of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.digits import Digits
from lab.metrics.intervals import Interval

Estimate = tuple[float, Interval | None]


def around(middle: float, width: float) -> Estimate:
    return middle, Interval(middle - width / 2, middle + width / 2)


@pytest.mark.parametrize(
    ("estimates", "told"),
    [
        ([around(0.8, 0.05), around(0.7, 0.4)], ["0.800 [0.775 0.825]", "0.700 [0.500 0.900]"]),
        ([around(0.8, 0.004)], ["0.8000 [0.7980 0.8020]"]),
        ([(0.8, None)], ["0.800"]),
        ([around(163.0, 30.0)], ["163.0 [148.0 178.0]"]),
        ([around(1.6e5, 3e3)], ["160000 [158500 161500]"]),
        ([around(2e-4, 9e-6)], ["2.000e-04 [1.955e-04 2.045e-04]"]),
        ([around(1e9, 9e6)], ["1.0000e+09 [9.955e+08 1.0045e+09]"]),
        ([around(1e-5, 1e-2)], ["0.000 [-0.005 0.005]"]),
        ([around(0.04, 0.0)], ["0.0400 [0.0400 0.0400]"]),
        ([around(0.0, 0.0)], ["0.000 [0.000 0.000]"]),
        ([around(1e9, 1.0), around(0.5, 0.02)], ["1.0000000000e+09 [9.999999995e+08 1.0000000005e+09]", "5.00e-01"]),
    ],
)
def test_the_unit_decides_where_digits_begin_and_the_interval_where_they_end(estimates, told):
    digits = Digits.of(estimates)
    for (number, interval), text in zip(estimates, told, strict=True):
        assert digits.estimate(number, interval).startswith(text)


def test_only_nothing_is_written_as_nothing():
    digits = Digits.of([around(0.1, 0.05)])
    assert [digits.number(one, "+") for one in (0.02, 1e-5, 0.0)] == ["+0.020", "+1.0e-05", "+0.000"]


@given(
    st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100),
    st.floats(1e-100, 1e100),
)
def test_no_interval_is_written_as_a_point(middle, width):
    low, high = middle - width, middle + width
    if high - low > 1e-9 * abs(middle):
        interval = Interval(low, high)
        told = Digits.of([(middle, interval)]).estimate(middle, interval, "+")
        _, first, last = told.split()
        assert first[1:] != last[:-1]
        assert len(told) <= 62
