"""Scores from anywhere as a table: what a line says, and which lines a comparison counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from lab.metrics.paired import Runs

SPLITS = ("val", "test")

DialogueScores = Mapping[int, Mapping[str, Mapping[str, float]]]
"""Seed → persona → dialogue → score."""

Item = tuple[str, str, str]
"""What a line is of, whoever answered: persona, dialogue, task type."""


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of the file."""

    line: int
    method: str
    persona_id: str
    split: str
    seed: int
    task_type: str  # "": all, or not said
    dialogue_id: str  # "": over all of the persona's dialogues
    values: Mapping[str, float]  # metric → value, where it is defined

    @property
    def item(self) -> Item:
        """What it is of."""
        return self.persona_id, self.dialogue_id, self.task_type

    @property
    def run(self) -> tuple[str, int]:
        """Method and seed."""
        return self.method, self.seed


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """A file that holds what it should: all runs of a split have lines of the same items."""

    file: Path
    metrics: tuple[str, ...]
    rows: tuple[ScoreLine, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def task_types(self) -> tuple[str, ...]:
        """By name."""
        return tuple(sorted({row.task_type for row in self.rows if row.task_type}))

    def runs(self, metric: str, split: str, task_type: str = "") -> dict[str, Runs]:
        """Method → seed → persona → score, the mean of its dialogues; of one task type, or over all."""
        return {
            method: {
                seed: {persona: fmean(dialogues.values()) for persona, dialogues in personas.items()}
                for seed, personas in seeds.items()
            }
            for method, seeds in self._scores(metric, split, task_type).items()
        }

    def dialogues(self, metric: str, split: str) -> dict[str, DialogueScores]:
        """Method → its scores of single dialogues; empty where lines are of none."""
        scores = self._scores(metric, split)
        if any("" in dialogues for seeds in scores.values() for one in seeds.values() for dialogues in one.values()):
            return {}
        return scores

    def undefined(self, metric: str, split: str) -> int:
        """How many dialogues (or task types of a persona) count for no method, because one has no value there."""
        rows = self._lines(metric, split)
        return len({row.item for row in rows} - {row.item for row in _defined(rows)})

    def _scores(self, metric: str, split: str, task_type: str = "") -> dict[str, DialogueScores]:
        """Method → its scores by dialogue ("": over all), the means of their lines."""
        lines: dict[tuple[str, int, str, str], list[float]] = {}
        for row in _defined(self._lines(metric, split, task_type)):
            lines.setdefault((*row.run, row.persona_id, row.dialogue_id), []).append(row.values[metric])
        found: dict[str, dict[int, dict[str, dict[str, float]]]] = {}
        for (method, seed, persona, dialogue), values in lines.items():
            personas = found.setdefault(method, {}).setdefault(seed, {})
            personas.setdefault(persona, {})[dialogue] = fmean(values)
        return dict(found)

    def _lines(self, metric: str, split: str, task_type: str = "") -> list[ScoreLine]:
        """The lines that have a value of this metric, of one task type or over all.

        Over all are the lines without a task type; where a dialogue (or persona) has none of these, all of its lines.
        """
        rows = [row for row in self.rows if row.split == split and metric in row.values]
        if task_type:
            return [row for row in rows if row.task_type == task_type]
        over_all = {row.item[:2] for row in rows if not row.task_type}
        return [row for row in rows if not row.task_type or row.item[:2] not in over_all]


def _defined(rows: Sequence[ScoreLine]) -> list[ScoreLine]:
    """The lines that count.

    Where a persona has several, only those that all runs have: a mean that leaves out what is hard is no gain.
    """
    runs = {row.run for row in rows}
    valued = Counter(row.item for row in rows)
    several = {persona for persona, n in Counter(item[0] for item in valued).items() if n > 1}
    return [row for row in rows if row.persona_id not in several or valued[row.item] == len(runs)]
