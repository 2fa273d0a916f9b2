"""A job's family, read again while it changes."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.db.family import Family, family
from lab.tui.feeds.rest import Rest

_REST_SECONDS = 0.5


class LineageFeed:
    """Reads the family of one job after a rest; the same one as before where nothing changed."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rest = Rest(monotonic, least=_REST_SECONDS)
        self._family: Family | None = None

    def read(self, job: int) -> Family:
        """The present family."""
        if self._family is None or self._rest.over:
            with self._rest.after():
                found = family(job)
            if found != self._family:
                self._family = found
        assert self._family is not None
        return self._family
