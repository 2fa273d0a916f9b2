"""The curves of several jobs and groups, for one chart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.db import queries
from lab.tui.feeds.rest import Rest

Points = list[tuple[int, float]]
SERIES = ("train", "val")


@dataclass(frozen=True, slots=True)
class Curve:
    """Which curve: of which job, and whose; group "" is the mean over groups."""

    job: int
    whose: str
    series: str
    group: str = ""

    @property
    def name(self) -> str:
        """`41 hybrid · maya · val`."""
        return " · ".join(part for part in (f"{self.job} {self.whose}", self.group, self.series) if part)


@dataclass(frozen=True, slots=True)
class Choice:
    """A curve that can be laid over others, and what is known of its job."""

    curve: Curve
    studies: tuple[str, ...]
    loss: float | None  # where the job is now; of a group it is not known before it is read


class ChartFeed:
    """Reads the curves anew after a rest, or at once when others are wanted."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, chart_seconds: float = 1.0) -> None:
        self._rest = Rest(monotonic, least=chart_seconds)
        self._points: dict[Curve, Points] = {}

    def read(self, curves: Sequence[Curve]) -> dict[Curve, Points]:
        """The points of each curve, by step."""
        if self._rest.over or any(curve not in self._points for curve in curves):
            with self._rest.after():
                self._points = {one: queries.curve(one.job, one.series, one.group) for one in curves}
        return {curve: self._points[curve] for curve in curves}


def curves_of(job: int, group: str) -> tuple[Curve, ...]:
    """The curves of a job: what the page of the job shows."""
    row = queries.get_job(job).row
    return tuple(Curve(job, row.whose, series, group) for series in SERIES)


def choices(curves: Sequence[Curve]) -> list[Choice]:
    """What can be laid over: the groups of the jobs that are shown, then the means of every job that counts steps."""
    shown = {curve.job: curve.whose for curve in curves}
    found = [
        Choice(Curve(job, whose, series, group), (), None)
        for job, whose in shown.items()
        for group in queries.curve_groups(job)
        for series in SERIES
    ]
    for row in queries.list_jobs():
        if row.step is not None or row.id in shown:
            losses = (row.loss, row.val_loss)
            means = (Curve(row.id, row.whose, series) for series in SERIES)
            found += [Choice(mean, row.studies, value) for mean, value in zip(means, losses, strict=True)]
    return sorted(found, key=lambda choice: choice.curve.job not in shown)
