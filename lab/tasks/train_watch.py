"""What is told of a training while it runs."""

from __future__ import annotations

import math
from collections import defaultdict

from lab.models.training import TrainEvent
from lab.tasks.context import JobContext
from lab.tasks.manifest import CHECKPOINT_FOLDER
from lab.tasks.messages import Progress


class Watcher:
    """Turns training events into progress, curves and log lines."""

    def __init__(self, context: JobContext, groups: list[str]) -> None:
        self._context = context
        self._several = len(groups) > 1
        self._latest: dict[str, dict[str, float]] = {"train": {}, "val": {}}
        self._seen: dict[tuple[str, int], list[float]] = defaultdict(list)

    def __call__(self, event: TrainEvent) -> None:
        """Take note of an event."""
        if event.kind == "checkpoint":
            self._context.checkpoint(self._context.folder / CHECKPOINT_FOLDER, event.step)
            return
        if event.kind == "shrunk":
            self._context.log(f"out of memory: a pass holds at most {event.wave_tokens:,} tokens from here on")
            return
        assert event.group is not None
        if event.train_loss is not None:
            self._point("train", event.group, event.step, event.train_loss)
        if event.val_loss is not None:
            self._point("val", event.group, event.step, event.val_loss)
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
        self._latest[series][group] = value
        seen = self._seen[series, step]
        seen.append(value)
        points = [(series, "", step, math.fsum(seen) / len(seen))]
        if self._several:
            points.append((series, group, step, value))
        self._context.metrics(points)

    def _mean(self, series: str) -> float | None:
        values = self._latest[series].values()
        return math.fsum(values) / len(values) if values else None
