"""As many digits of a number as are known of it, whatever its unit."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log10

_PLACES = 3  # after the point, where numbers are around 1
_MOST_PLACES = 6
_LARGE = 1e7


def digits(numbers: Iterable[float], widths: Iterable[float]) -> str:
    """How to write these numbers and their differences: a format without its sign, as in `.3f` or `.2e`.

    The narrowest of `widths` (of intervals, 0 where there is none) is told with two digits, and the largest of the
    numbers with four at least, so that a loss of a hundred-thousandth is not 0.000 and a billion has no decimals.
    """
    largest = max((abs(number) for number in numbers), default=0.0)
    size = floor(log10(largest)) if largest else 0
    narrowest = min((width for width in widths if width > 0), default=0.0)
    places = 1 - floor(log10(narrowest)) if narrowest else _PLACES - size
    if largest >= _LARGE or places > _MOST_PLACES:
        return f".{min(max(size + places, 1), 12)}e"
    return f".{max(places, _PLACES - max(size, 0), 0)}f"
