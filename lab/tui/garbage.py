"""Collecting garbage while nobody types.

Python stops everything to look through all objects for cycles. With ten thousand jobs in memory that takes a tenth of
a second and more, several times what a key may wait; young objects alone take milliseconds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

_YOUNG, _MIDDLE, _NEVER = 700, 10, 1_000_000  # Python's own thresholds, but for the last
_QUIET = 3.0  # seconds without a key
_APART = 60.0  # seconds between two looks through everything


class Garbage:
    """Looks through everything when it disturbs nobody."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._typed = self._collected = monotonic()

    def wait_for_quiet(self) -> None:
        """From now on this process looks through everything only in `collect`."""
        gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)

    def typed(self) -> None:
        """A key or the mouse was used."""
        self._typed = self._monotonic()

    def collect(self) -> None:
        """Look through everything, if nobody has typed of late and the last time is a while ago."""
        now = self._monotonic()
        if now - self._typed > _QUIET and now - self._collected > _APART:
            self._collected = now
            gc.collect()
