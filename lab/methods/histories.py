"""Whether personas have as many train dialogues as a method wants to retrieve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.errors import LabError
from lab.methods.declare import Name
from lab.methods.spec import Study


def short_histories(study: Study, train: Mapping[str, int]) -> list[str]:
    """A line for each method that retrieves more dialogues than some personas have; `train` counts each one's.

    Newcomers to a study may all have few: they get the study's methods as they are.

    Raises:
        LabError: a method retrieves more than any persona has.
    """
    said = []
    for name, k in _retrieving(study):
        short = [persona for persona, number in train.items() if number < k]
        if len(short) == len(train) and study.extends is None:
            least = min(train, key=lambda persona: train[persona])
            raise LabError(
                f"study '{study.name}': {name} retrieves k = {k} train dialogues, but persona {least} has only "
                f"{train[least]} and no persona more than {max(train.values())}; lower k, or take more dialogues."
            )
        if short:
            said.append(
                f"{name}: {len(short)} of {len(train)} personas have fewer than {k} train dialogues; "
                "they are shown what there is"
            )
    return said


def _retrieving(study: Study) -> Iterator[tuple[Name, int]]:
    """(method, k) of each method of the study that retrieves, and of those that they stand on."""
    declared, wanted = study.declared(), dict.fromkeys(study.methods)
    waiting = list(wanted)
    for name in waiting:  # grows while it is gone through
        waiting += [under for under in declared[name].stands_on if under not in wanted]
        wanted |= dict.fromkeys(declared[name].stands_on)
    for name in wanted:
        retrieve = declared[name].retrieve
        if retrieve is not None:
            yield name, retrieve.k
