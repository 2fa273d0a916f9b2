"""What a study has no scores of on a split, beside what it has: nobody takes half a study for a whole one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.db.queries import StudyRow
from lab.db.scores import seeds_evaluated, seeds_planned
from lab.report.document.words import listed


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Method → seeds: those that are planned, and those of them that have no scores."""

    split: str
    planned: Mapping[str, Sequence[int]]
    missing: Mapping[str, Sequence[int]]
    so_far: str  # how the study's jobs are

    @property
    def says(self) -> str:
        """`not final: 3 of 8 methods have no test scores (a, b and c); 4 of 12 jobs are done, 8 waiting`."""
        without = [method for method, seeds in self.missing.items() if len(seeds) == len(self.planned[method])]
        told = []
        if without:
            verb = "has" if len(without) == 1 else "have"
            told.append(
                f"{len(without)} of {len(self.planned)} methods {verb} no {self.split} scores ({listed(without)})"
            )
        if partly := [_lacking(method, seeds) for method, seeds in self.missing.items() if method not in without]:
            told.append(f"{listed(partly)}: methods are compared in the seeds that both have")
        return f"not final: {'; '.join([*told, self.so_far])}"


def _lacking(method: str, seeds: Sequence[int]) -> str:
    return f"{method} lacks seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def no_scores(study: StudyRow, split: str) -> str:
    """Why there is nothing to show."""
    return f"study '{study.name}' has no {split} scores: {study.so_far}; `lab jobs {study.name}` shows why."


def unfinished(study: StudyRow, split: str) -> Unfinished | None:
    """What is missing; None where every evaluation that was planned has scores."""
    planned, done = seeds_planned(study.id, split), seeds_evaluated(study.id, split)
    missing = {method: [one for one in seeds if one not in done.get(method, ())] for method, seeds in planned.items()}
    missing = {method: seeds for method, seeds in missing.items() if seeds}
    return Unfinished(split, planned, missing, study.so_far) if missing else None
