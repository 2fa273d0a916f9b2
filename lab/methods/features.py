"""From what is known of each persona to columns that count alike, and to the place of a later persona among them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_IS = " = "  # between a group and the choice whose share a column is
_OTHER = "other"  # choices without a column of their own


@dataclass(frozen=True, slots=True)
class Traits:
    """What one family knows of one persona; what is missing is unknown.

    `counts` are group → choice → how often; a persona of whom a group is known has 0 of the choices it never made.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column over the personas that it is known of; with a spread of 0 it is constant, and no feature."""

    name: str
    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class Family:
    """How one family's numbers become features: (number − mean) / spread · scale."""

    name: str
    scale: float
    columns: tuple[Column, ...]

    @property
    def varying(self) -> list[Column]:
        """The columns that are features."""
        return [column for column in self.columns if column.spread]


def fitted(name: str, traits: Sequence[Traits]) -> Family:
    """Standardise over these personas, and scale the whole to rows of a mean squared length of 1."""
    table = _table(traits, _names(traits))
    family = Family(name, 1.0, tuple(_column(one, values) for one, values in table.items()))
    squares = (rows(family, traits) ** 2).sum()
    return replace(family, scale=float(np.sqrt(len(traits) / squares))) if squares else family


def rows(family: Family, traits: Sequence[Traits]) -> Floats:
    """The features of these personas, [n, columns that vary]; what is unknown is the mean."""
    table = _table(traits, [column.name for column in family.columns])
    found = np.zeros((len(traits), len(family.varying)))
    for place, column in enumerate(family.varying):
        found[:, place] = np.nan_to_num((table[column.name] - column.mean) / column.spread, nan=0.0)
    return found * family.scale


def _names(traits: Sequence[Traits]) -> list[str]:
    """The columns: numbers, then the shares of each choice.

    What one persona alone chooses makes no two alike, and free text is full of it: such choices count together.
    """
    names = sorted({name for one in traits for name in one.numbers})
    for group in sorted({group for one in traits for group in one.counts}):
        takers = Counter(chain.from_iterable(one.counts.get(group, ()) for one in traits))
        shown = {choice if n > 1 else _OTHER for choice, n in takers.items()}
        names += [f"{group}{_IS}{choice}" for choice in sorted(shown)]
    return names


def _table(traits: Sequence[Traits], names: Sequence[str]) -> dict[str, Floats]:
    """Name → [n], NaN where unknown: a number that was never seen, the shares of what was never chosen from."""
    columns = {name: np.full(len(traits), np.nan) for name in names}
    of_group: dict[str, list[str]] = defaultdict(list)
    for name in names:
        of_group[name.partition(_IS)[0]].append(name)
    for row, one in enumerate(traits):
        for name in one.numbers.keys() & columns.keys():
            columns[name][row] = one.numbers[name]
        for group, count in one.counts.items():
            _fill_shares({name: columns[name] for name in of_group[group]}, row, group, count)
    return columns


def _fill_shares(shares: Mapping[str, Floats], row: int, group: str, count: Counter[str]) -> None:
    """One persona's share of each choice of a group; if it never chose, they stay unknown."""
    for name in shares if count else ():
        shares[name][row] = 0.0
    for choice, n in count.items():
        named = (f"{group}{_IS}{one}" for one in (choice, _OTHER))
        place = next((name for name in named if name in shares), None)
        if place is not None:
            shares[place][row] += n / count.total()


def _column(name: str, values: Floats) -> Column:
    known = values[~np.isnan(values)]
    mean, spread = float(known.mean()), float(known.std())
    return Column(name, mean, spread if spread > 1e-9 * max(1.0, abs(mean)) else 0.0)  # less is rounding
