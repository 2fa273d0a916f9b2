"""What several screens read from, so that what one has read another need not read again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.tui.feeds.jobs import JobsFeed
    from lab.tui.feeds.status import Status, StatusFeed


class SharedFeeds:
    """Imported and made in a thread, at the first reading: the first paint waits for no database.

    Args:
        prepare: called before anything is read, again and again until it succeeds.
        chart_seconds: how often a curve is read.
    """

    def __init__(self, prepare: Callable[[], object], chart_seconds: float) -> None:
        self._prepare = prepare
        self._chart_seconds = chart_seconds
        self._preparing = threading.Lock()
        self._status: StatusFeed | None = None

    def status(self, study: str | None) -> Status:
        """How the lab is."""
        with self._preparing:
            if self._status is None:
                from lab.tui.feeds.status import StatusFeed

                self._prepare()
                self._status = StatusFeed()
        return self._status.read(study)

    @cached_property
    def jobs(self) -> JobsFeed:
        """The table of all jobs, and the one in sight."""
        from lab.tui.feeds.jobs import JobsFeed

        return JobsFeed(chart_seconds=self._chart_seconds)
