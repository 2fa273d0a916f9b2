"""Reading rests for longer than it takes, so that a slow database makes the screen late but never slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SHARE = 4


@dataclass
class Rest:
    """The pause between two readings of one thing."""

    monotonic: Callable[[], float] = time.monotonic
    least: float = 0.0  # seconds
    share: float = _SHARE  # it is so many times as long as the reading before it
    _until: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it is time to read again."""
        return self.monotonic() >= self._until

    def end(self) -> None:
        """Read at the next opportunity."""
        self._until = 0.0

    @contextmanager
    def after(self) -> Iterator[None]:
        """Read inside; the rest begins at the end."""
        started = self.monotonic()
        yield
        took = self.monotonic() - started
        self._until = started + took + max(took * self.share, self.least)
