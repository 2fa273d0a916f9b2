"""One method against another, several seeds, several methods at once."""

from __future__ import annotations

from dataclasses import dataclass

from lab.metrics.statistics import Comparison

LEVEL = 0.05
"""Of every test that a report calls significant."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """What several seeds say of one mean over personas.

    - `means`: (seed, mean over personas), by seed;
    - `sd`: standard deviation of these means (n − 1): how much another training alone would move the number. The
      interval over personas does not contain it.
    """

    means: tuple[tuple[int, float], ...]
    sd: float


@dataclass(frozen=True, slots=True)
class Against:
    """A method against another, persona by persona; differences are method − other.

    - `p_holm`, `wilcoxon_p_holm`: p of the paired t-test and of the signed-rank test, corrected (Holm) for all
      comparisons of its family;
    - `seeds`: the mean difference by seed; None for one seed.
    """

    method: str
    other: str
    comparison: Comparison
    p_holm: float
    wilcoxon_p_holm: float
    seeds: Seeds | None
    higher_is_better: bool = True

    @property
    def gains(self) -> bool:
        """Whether it is better, and surely so after correction."""
        better = self.comparison.difference > 0 if self.higher_is_better else self.comparison.difference < 0
        return better and self.p_holm < LEVEL

    @property
    def loses(self) -> bool:
        """Whether it is worse, and surely so after correction."""
        worse = self.comparison.difference < 0 if self.higher_is_better else self.comparison.difference > 0
        return worse and self.p_holm < LEVEL
