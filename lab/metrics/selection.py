"""What choosing the best of several scores pretends: the oracle's ceiling, and the published procedure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Two numbers that are no results, because they choose and judge on the same scores.

    - `oracle`: mean over personas of each one's best method, and `oracle_gain` over the default; no honest choice can
      be better, and on noise alone it is above 0;
    - `published_gain`: what the published procedure would have claimed: each persona's best candidate or, where none
      is above it, the default's global mean; against that mean;
    - `moved`: share of personas whose oracle is not the default.
    """

    default: str
    among: tuple[str, ...]
    n: int
    oracle: float
    oracle_gain: float
    published_gain: float
    moved: float
