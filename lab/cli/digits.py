"""As many digits of a number as are known of it, whatever its unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log10

from lab.metrics.intervals import Interval

_PLACES = 3  # after the point, of numbers around 1
_MOST_PLACES = 6
_LARGE = 1e7
_MOST_DIGITS = 12  # after the point, of powers of ten


@dataclass(frozen=True, slots=True)
class Digits:
    """How the numbers of one column are written: with so many `places` after the point, or as powers of ten (None)."""

    places: int | None

    @classmethod
    def of(cls, estimates: Iterable[tuple[float, Interval | None]]) -> Digits:
        """What fits numbers with their intervals.

        The width of the narrowest interval is told with two digits, a number without one with three, and the largest
        with four at least: a loss of a hundred-thousandth is not 0.000, and a billion has no decimals.
        """
        known = list(estimates)
        places = max((_places(number, _width(interval)) for number, interval in known), default=0)
        ends = [(number, interval.low, interval.high) if interval else (number,) for number, interval in known]
        largest = max((abs(one) for some in ends for one in some), default=0.0)
        if largest >= _LARGE or places > _MOST_PLACES:
            return cls(None)
        return cls(max(places, _PLACES - max(_size(largest), 0), 0))

    def number(self, number: float, sign: str = "", width: float = 0.0) -> str:
        """One number; `width` of the interval around it, which says that it may be 0. Else only 0 is written as 0."""
        if self.places is None:
            digits = min(max(_size(number) + _places(number, width), 1), _MOST_DIGITS)
            return f"{number:{sign}.{digits}e}"
        text = f"{number:{sign}.{self.places}f}"
        return f"{number:{sign}.1e}" if number and not width and not float(text) else text

    def estimate(self, number: float, interval: Interval | None, sign: str = "") -> str:
        """A number and its interval in brackets."""
        if interval is None:
            return self.number(number, sign)
        told, low, high = (self.number(one, sign, _width(interval)) for one in (number, interval.low, interval.high))
        return f"{told} [{low} {high}]"


def _width(interval: Interval | None) -> float:
    return 0.0 if interval is None else interval.high - interval.low


def _places(number: float, width: float) -> int:
    """Digits after the point (before it, if negative) that are known of a number."""
    return 1 - _size(width) if width else _PLACES - 1 - _size(number) if number else 0


def _size(number: float) -> int:
    return floor(log10(abs(number))) if number else 0
