"""One method against another, several seeds, several methods at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev

from lab.metrics.statistics import Comparison, compare_many, holm

Runs = Mapping[int, Mapping[str, float]]
"""Seed → persona → score."""

LEVEL = 0.05
"""Of every test that a report calls significant."""

_AT_ONCE = 512  # pairs


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

    - `p_holm`, `wilcoxon_p_holm`: p of the paired t-test and of the signed-rank test (None if it was not asked for),
      corrected (Holm) for all comparisons of its family;
    - `seeds`: the mean difference by seed; None for one seed.
    """

    method: str
    other: str
    comparison: Comparison
    p_holm: float
    wilcoxon_p_holm: float | None
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


def over_seeds(runs: Runs, among: Iterable[int] | None = None) -> dict[str, float]:
    """Persona → mean of its scores over the seeds that it has, of all or of those `among`."""
    kept = list(runs.values()) if among is None else [runs[seed] for seed in among]
    if len(kept) == 1:
        return dict(kept[0])
    personas = dict.fromkeys(persona for scores in kept for persona in scores)
    return {persona: fmean(scores[persona] for scores in kept if persona in scores) for persona in personas}


def shared_seeds(methods: Iterable[Collection[int]]) -> list[int] | None:
    """The seeds that all methods have: only in these can they be ranked. None where there is no such seed."""
    sets = [set(seeds) for seeds in methods]
    return sorted(set.intersection(*sets)) or None if sets else None


def side_by_side(one: Runs, two: Runs) -> tuple[dict[str, float], dict[str, float]]:
    """Persona → score on both sides, averaged over seeds that are fair to both: one seed may be luckier than another.

    Methods that ran with a seed in common are compared in those alone, a persona in those that it has on both sides.
    Methods that share none are compared in all of theirs, over the personas that have all. Whoever cannot be compared
    so stands on the first side alone.
    """
    both = [seed for seed in one if seed in two]
    if both:
        fair = {seed: one[seed].keys() & two[seed].keys() for seed in both}
        first, second = (over_seeds({seed: _of(runs[seed], fair[seed]) for seed in both}) for runs in (one, two))
    else:
        first, second = (_of(over_seeds(runs), set.intersection(*map(set, runs.values()))) for runs in (one, two))
    return over_seeds(one) | over_seeds(two) | first, _of(second, first.keys() & second.keys())


def _of(scores: Mapping[str, float], personas: Set[str]) -> dict[str, float]:
    return {persona: score for persona, score in scores.items() if persona in personas}


def seeds_of(runs: Runs) -> Seeds | None:
    """The mean over personas by seed, and how it differs; None for fewer than two seeds."""
    return _seeds({seed: fmean(scores.values()) for seed, scores in runs.items() if scores})


def against(
    methods: Mapping[str, Runs], other: str, *, higher_is_better: bool = True, seed: int = 0, ranks: bool = True
) -> tuple[Against, ...]:
    """Every method against `other`, in their order; those that share no persona with it are left out."""
    pairs = [(name, other) for name in methods if name != other]
    return family(pairs, methods, higher_is_better=higher_is_better, seed=seed, ranks=ranks)


def every_pair(
    methods: Mapping[str, Runs],
    *,
    higher_is_better: bool = True,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Against, ...]:
    """Every two methods, the later against the earlier; p is corrected for all of these pairs.

    200 methods are 19,900 pairs and some minutes, so `progress` is told how many are done, of how many.
    """
    pairs = [(later, earlier) for earlier, later in combinations(methods, 2)]
    found: list[Against] = []
    for first in range(0, len(pairs), _AT_ONCE):
        progress(first, len(pairs))
        some = pairs[first : first + _AT_ONCE]
        found += _uncorrected(some, methods, higher_is_better=higher_is_better, seed=seed)
    (corrected,) = as_one_family([found])
    return corrected


def family(
    pairs: Sequence[tuple[str, str]],
    methods: Mapping[str, Runs],
    *,
    higher_is_better: bool = True,
    seed: int = 0,
    ranks: bool = True,
) -> tuple[Against, ...]:
    """Compare these pairs (method, other) as one family; those that share no persona are left out.

    A persona's scores are averaged over seeds, the same on both sides (see `side_by_side`). Without `ranks` there is
    neither signed-rank test nor detectable effect, which is much faster (see `compare_many`).
    """
    found = _uncorrected(pairs, methods, higher_is_better=higher_is_better, seed=seed, ranks=ranks)
    (corrected,) = as_one_family([found])
    return corrected


def _uncorrected(
    pairs: Sequence[tuple[str, str]],
    methods: Mapping[str, Runs],
    *,
    higher_is_better: bool,
    seed: int,
    ranks: bool = True,
) -> list[Against]:
    sides = {(one, two): side_by_side(methods[one], methods[two]) for one, two in dict.fromkeys(pairs)}
    shared = [pair for pair, (one, other) in sides.items() if one.keys() & other.keys()]
    found = compare_many([sides[pair] for pair in shared], higher_is_better=higher_is_better, seed=seed, ranks=ranks)
    return [
        Against(*pair, one, one.t_p, one.wilcoxon_p, _differences(*pair, methods), higher_is_better)
        for pair, one in zip(shared, found, strict=True)
    ]


def as_one_family(families: Sequence[Sequence[Against]]) -> list[tuple[Against, ...]]:
    """The same comparisons, their p values corrected for all of them together."""
    everything = {f"{f} {n}": one for f, some in enumerate(families) for n, one in enumerate(some)}
    t_p = holm({key: one.comparison.t_p for key, one in everything.items()})
    ranked = {key: p for key, one in everything.items() if (p := one.comparison.wilcoxon_p) is not None}
    wilcoxon_p = holm(ranked)
    told = {key: replace(one, p_holm=t_p[key], wilcoxon_p_holm=wilcoxon_p.get(key)) for key, one in everything.items()}
    return [tuple(told[f"{f} {n}"] for n in range(len(some))) for f, some in enumerate(families)]


def _differences(method: str, other: str, methods: Mapping[str, Runs]) -> Seeds | None:
    """The mean difference over the personas that both have, by seed."""
    means = {}
    for seed, scores in methods[method].items():
        reference = methods[other].get(seed, {})
        if shared := [persona for persona in scores if persona in reference]:
            means[seed] = fmean(scores[persona] - reference[persona] for persona in shared)
    return _seeds(means)


def _seeds(means: Mapping[int, float]) -> Seeds | None:
    if len(means) < 2:
        return None
    return Seeds(tuple(sorted(means.items())), stdev(means.values()))
