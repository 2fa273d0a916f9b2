"""The end of a job's log, read line by line as it grows."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.db import queries
from lab.db.queries import LogLine

TAIL = 2000  # lines that are kept for reading


@dataclass
class LogTail:
    """Reads only the lines that came since the last time."""

    _job: int | None = None
    _lines: list[LogLine] = field(default_factory=list)

    def read(self, job: int) -> list[LogLine]:
        """The last lines of a job's log, oldest first; the same list as before if none came."""
        if job != self._job:
            self._job, self._lines = job, []
        after = self._lines[-1].id if self._lines else 0
        if new := queries.job_log(job, after=after, last=TAIL):
            self._lines = [*self._lines, *new][-TAIL:]
        return self._lines
