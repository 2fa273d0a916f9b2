"""The data of a study as its jobs see them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lab.data.formats.chat import read_personas
from lab.data.split import Split, split_by_time
from lab.data.types import Dataset, Persona
from lab.db.queries import StudyRow, get_dataset
from lab.report.people import dataset_in
from lab.store.artifacts import artifacts


def data_of(study: StudyRow) -> tuple[Dataset, Split]:
    """Its personas and dialogues, split by time; of the last study that was asked for they are kept.

    Raises:
        LabError: the data are gone or cannot be read.
    """
    folder = artifacts().fetched(get_dataset(study.dataset).folder)
    return _data(str(folder), study.spec["personas"], study.spec["dialogues"], tuple(study.spec["split"]))


def personas_of(study: StudyRow) -> tuple[Persona, ...]:
    """Its personas without their dialogues, which take long to read.

    Raises:
        LabError: the data are gone or cannot be read.
    """
    folder = artifacts().fetched(get_dataset(study.dataset).folder)
    return _personas(str(folder))[: study.spec["personas"]]


@lru_cache(maxsize=1)
def _personas(folder: str) -> tuple[Persona, ...]:
    return read_personas(Path(folder))


@lru_cache(maxsize=1)
def _data(
    folder: str, personas: int | None, dialogues: int | None, shares: tuple[float, float, float]
) -> tuple[Dataset, Split]:
    whole = dataset_in(folder)
    data = whole.take(personas or len(whole.personas), dialogues)
    return data, split_by_time(data, shares)
