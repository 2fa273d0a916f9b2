"""Splits by time within a persona, and the check that nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lab.data.types import Dataset, Dialogue
from lab.errors import LabError

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
RATIOS = (0.6, 0.2, 0.2)


@dataclass(frozen=True, slots=True)
class PersonaSplit:
    """The dialogue ids of one persona in each part, oldest first."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def part(self, name: Part) -> tuple[str, ...]:
        """The ids of one part."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


@dataclass(frozen=True, slots=True)
class Split:
    """Which dialogues train, which choose and which judge, for every persona."""

    personas: Mapping[str, PersonaSplit]

    def count(self, name: Part) -> int:
        """How many dialogues a part holds over all personas."""
        return sum(len(one.part(name)) for one in self.personas.values())


def split_by_time(
    dataset: Dataset,
    ratios: tuple[float, float, float] = RATIOS,
    *,
    counts: tuple[int, int, int] | None = None,
) -> Split:
    """Oldest dialogues of each persona to train, newer ones to val, the newest to test; no part is empty.

    `ratios` share out all of a persona's dialogues. `counts`, where given, take its oldest dialogues instead,
    so many for each part (as in 20, 5, 5), and leave the rest unused. Raises `LabError` for a persona with too
    few.
    """
    _check_sizes(ratios, counts)
    return Split(
        {p.persona_id: _split(p.persona_id, dataset.of(p.persona_id), ratios, counts) for p in dataset.personas}
    )


def _check_sizes(ratios: tuple[float, float, float], counts: tuple[int, int, int] | None) -> None:
    if counts is not None:
        if len(counts) != 3 or any(count < 1 for count in counts):
            raise LabError(f"split counts {counts}: give three whole numbers of at least 1, as in 20, 5, 5")
    elif len(ratios) != 3 or not all(0 < ratio < 1 for ratio in ratios) or abs(sum(ratios) - 1) > 1e-6:
        raise LabError(f"split ratios {ratios}: give three numbers above 0 that sum to 1, as in 0.6, 0.2, 0.2")


def _split(
    persona_id: str,
    dialogues: tuple[Dialogue, ...],
    ratios: tuple[float, float, float],
    counts: tuple[int, int, int] | None,
) -> PersonaSplit:
    n = len(dialogues)
    needed = 3 if counts is None else sum(counts)
    if n < needed:
        raise LabError(f"persona {persona_id} has {n} dialogues, a split needs {needed}; add some or ask for less")
    if counts is not None:
        n, first, second = needed, counts[0], counts[0] + counts[1]
    else:
        # Rounding the boundaries, not the sizes, so that the sizes always sum to n.
        first = min(max(round(n * ratios[0]), 1), n - 2)
        second = min(max(round(n * (ratios[0] + ratios[1])), first + 1), n - 1)
    ids = tuple(dialogue.dialogue_id for dialogue in dialogues)
    return PersonaSplit(ids[:first], ids[first:second], ids[second:n])


def select(dataset: Dataset, split: Split, part: Part) -> Dataset:
    """The data set with the dialogues of one part only."""
    kept = {dialogue_id for one in split.personas.values() for dialogue_id in one.part(part)}
    return Dataset(dataset.personas, tuple(d for d in dataset.dialogues if d.dialogue_id in kept))


def check_leakage(dataset: Dataset, split: Split) -> list[str]:
    """Every way in which the split leaks, one sentence each; empty when it is sound."""
    found: list[str] = []
    known = {dialogue.dialogue_id: dialogue for dialogue in dataset.dialogues}
    home: dict[str, str] = {}
    for persona_id, one in split.personas.items():
        for part in PARTS:
            found += _check_membership(persona_id, part, one.part(part), known, home)
        found += _check_order(persona_id, one, known)
    return found


def _check_membership(
    persona_id: str, part: Part, ids: tuple[str, ...], known: Mapping[str, Dialogue], home: dict[str, str]
) -> Iterator[str]:
    """`home` remembers the part in which each dialogue was first met."""
    if not ids:
        yield f"persona {persona_id}: {part} is empty"
    for dialogue_id in ids:
        here = f"{part} of persona {persona_id}"
        if dialogue_id not in known:
            yield f"dialogue {dialogue_id} in {here} is not in the data"
        elif known[dialogue_id].persona_id != persona_id:
            yield f"dialogue {dialogue_id} in {here} belongs to persona {known[dialogue_id].persona_id}"
        first = home.setdefault(dialogue_id, here)
        if first != here:
            yield f"dialogue {dialogue_id} is in {first} and in {here}"


def _check_order(persona_id: str, one: PersonaSplit, known: Mapping[str, Dialogue]) -> Iterator[str]:
    """No dialogue of an earlier part may be newer than one of a later part."""
    newest: datetime | None = None
    newest_part = ""
    for part in PARTS:
        times = [known[dialogue_id].started_at for dialogue_id in one.part(part) if dialogue_id in known]
        if times and newest is not None and newest > min(times):
            yield f"persona {persona_id}: {newest_part} has a dialogue newer than the oldest of {part}"
        if times and (newest is None or max(times) > newest):
            newest, newest_part = max(times), part
