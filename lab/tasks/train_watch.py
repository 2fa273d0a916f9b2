"""What is told of a training while it runs."""

from __future__ import annotations

import math
from typing import Any

from lab.models.training import TrainEvent
from lab.tasks.context import JobContext
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.messages import Progress

Point = tuple[str, str, int, float]
"""(series, group, step, value) of a curve; group "" is the mean over groups."""


class Watcher:
    """Turns training events into progress, curves and log lines; waves are counted from `begun` on.

    With each checkpoint it remembers what the curves to come depend on, and the points that it told of late: a
    worker that died may not have passed them on, and what lies before a checkpoint is not done again.
    """

    def __init__(self, context: JobContext, groups: list[str], begun: int = 0) -> None:
        self._context = context
        self._several = len(groups) > 1
        self._begun = self.waves = begun  # the latter as of the last checkpoint
        self._latest: dict[str, dict[str, float]] = {"train": {}, "val": {}}
        self._seen: dict[str, dict[int, tuple[float, int]]] = {"train": {}, "val": {}}  # step → sum, groups
        self._told: tuple[list[Point], list[Point]] = ([], [])  # before the last checkpoint, and since

    def __call__(self, event: TrainEvent) -> None:
        """Take note of an event."""
        if event.kind == "checkpoint":
            self.waves = self._begun + event.step
            self._context.checkpoint(self._context.folder / CHECKPOINT_FOLDER, self.waves)
            return
        if event.kind == "shrunk":
            self._context.log(f"out of memory: a pass holds at most {event.wave_tokens:,} tokens from here on")
            return
        assert event.group is not None
        for series, value in (("train", event.train_loss), ("val", event.val_loss)):
            if value is not None:
                self._latest[series][event.group] = value
                if event.kind != "finished":  # that tells what is kept: the mean of an epoch, the best on val
                    self._point(series, event.group, event.step, value)
        note = f"{event.tokens_per_second:,.0f} tokens/s, padding {event.padding:.1%}"
        self._context.progress(
            Progress(
                progress=event.fraction,
                step=event.step,
                total_steps=event.total_steps,
                loss=self._mean("train"),
                val_loss=self._mean("val"),
                note=note if event.kind == "val" else None,
            )
        )

    def _point(self, series: str, group: str, step: int, value: float) -> None:
        """A group's own point, and the mean over the groups that have been at this step so far."""
        total, n = self._seen[series].get(step, (0.0, 0))
        self._seen[series][step] = total, n = total + value, n + 1
        points = [(series, "", step, total / n)]
        if self._several:
            points.append((series, group, step, value))
        self._told[1].extend(points)
        self._context.metrics(points)

    def _mean(self, series: str) -> float | None:
        values = self._latest[series].values()
        return math.fsum(values) / len(values) if values else None

    def memory(self) -> dict[str, Any]:
        """What a checkpoint that is written now has to keep."""
        seen = {series: [(step, *sums) for step, sums in steps.items()] for series, steps in self._seen.items()}
        kept = {"latest": self._latest, "seen": seen, "told": self._told}
        self._told = (self._told[1], [])
        return kept

    def remember(self, memory: Any) -> None:
        """Go on from a checkpoint that kept this, and tell again what may have been lost."""
        self._latest = memory["latest"]
        self._seen = {
            series: {step: (total, n) for step, total, n in steps} for series, steps in memory["seen"].items()
        }
        before, since = ([tuple(point) for point in points] for points in memory["told"])
        self._told = (since, [])
        self._context.metrics([*before, *since])
