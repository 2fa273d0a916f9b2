"""What training and evaluation are given: the personas of a job and their dialogues by split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lab.data.load import load
from lab.data.split import Split, split_by_time
from lab.data.types import Dataset, Dialogue, digest
from lab.errors import LabError
from lab.tasks.context import JobContext


@dataclass(frozen=True)
class Material:
    """A job's share of a data set, split by time within each persona."""

    dataset: Dataset
    split: Split

    @property
    def personas(self) -> list[str]:
        """Their ids, in the data's order."""
        return [persona.persona_id for persona in self.dataset.personas]

    def dialogues(self, persona: str, part: str) -> list[Dialogue]:
        """One persona's dialogues of train, val or test, oldest first."""
        wanted = set(self.split.personas[persona].part(part))  # type: ignore[arg-type]
        return [dialogue for dialogue in self.dataset.of(persona) if dialogue.dialogue_id in wanted]


def material(context: JobContext) -> Material:
    """Load what the job's spec names; the next job of the same data finds it there.

    Raises:
        LabError: what came from the store is another data set.
    """
    spec = context.spec
    wanted = spec["data"] if context.artifacts.remote else ""
    return _material(context.dataset, wanted, spec["personas"], spec["dialogues"], tuple(spec["shares"]))


@lru_cache(maxsize=1)
def _material(
    folder: Path, wanted: str, personas: int | None, dialogues: int | None, shares: tuple[float, float, float]
) -> Material:
    dataset = load(str(folder))
    if wanted and digest(dataset) != wanted:
        raise LabError(
            f"{folder}: this is not the data set of the study (its digest differs); delete it here and in the store, "
            "and run the study again where its data are."
        )
    dataset = dataset.take(personas or len(dataset.personas), dialogues)
    return Material(dataset, split_by_time(dataset, shares))
