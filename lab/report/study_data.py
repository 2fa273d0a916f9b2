"""The data of a study as its jobs see them."""

from __future__ import annotations

from functools import lru_cache

from lab.data.split import Split, split_by_time
from lab.data.types import Dataset
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


@lru_cache(maxsize=1)
def _data(
    folder: str, personas: int | None, dialogues: int | None, shares: tuple[float, float, float]
) -> tuple[Dataset, Split]:
    whole = dataset_in(folder)
    data = whole.take(personas or len(whole.personas), dialogues)
    return data, split_by_time(data, shares)
