"""Statistics whose unit is the persona: one score per persona in, evidence about a method out.

Every function takes a mapping persona_id → score and sorts it by persona id first, so the answer depends on
the scores and the seed alone, never on the order in which they arrived. Nothing here is ever NaN: what cannot
be known (an interval from one persona) is None. SciPy is imported inside the functions that need it, because
the terminal imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lab.errors import LabError
from lab.metrics.intervals import Floats, Interval, bootstrap_intervals, wilson_interval

_EXACT = 13  # personas: to here tied ranks are tested exactly, as SciPy does


@dataclass(frozen=True, slots=True)
class PersonaValue:
    """One persona and its number."""

    persona_id: str
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one method over its personas.

    `interval` is the 95% bootstrap interval of the mean over personas, None for a single persona.
    """

    n: int
    mean: float
    interval: Interval | None
    worst: PersonaValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """A method against another, as a rule unified, persona by persona; differences are method − other.

    - `difference` and `interval`: mean difference and its 95% bootstrap interval over personas;
    - `t`, `t_p`: two-sided paired t-test; `wilcoxon_p`: two-sided signed-rank test;
    - `effect_size`: Cohen's d_z, mean / standard deviation of the differences; None when they have no spread;
    - `improved` and `improved_interval`: share of personas strictly better off, with Wilson's 95% interval;
    - `worst`: the persona that loses most (or gains least) and its difference;
    - `detectable`: the smallest true mean difference that this n and this spread would have found with
      power 0.8 at the 5% level, in units of the metric; None for fewer than two personas;
    - `left_out`: personas with a score on one side only, or under no seed of both, which no paired statistic can use.

    `wilcoxon_p` and `detectable` are None, too, where nobody asked for them (`ranks`).
    """

    n: int
    left_out: int
    difference: float
    interval: Interval | None
    t: float | None
    t_p: float
    wilcoxon_p: float | None
    effect_size: float | None
    improved: float
    improved_interval: Interval | None
    worst: PersonaValue
    detectable: float | None


def summarise(scores: Mapping[str, float], *, higher_is_better: bool = True, seed: int = 0) -> Summary:
    """Give mean, interval and worst persona of one metric. Raises LabError if there is no score or it is not finite."""
    return summarise_many([(scores, higher_is_better)], seed=seed)[0]


def summarise_many(tables: Sequence[tuple[Mapping[str, float], bool]], *, seed: int = 0) -> list[Summary]:
    """Summarise many (scores, whether higher is better) at once, which costs far less than one by one."""
    sorted_ = [_sorted(scores) for scores, _ in tables]
    intervals = _intervals([values for _, values in sorted_], seed)
    return [
        Summary(len(values), float(values.mean()), interval, _worst(personas, values, higher))
        for (personas, values), interval, (_, higher) in zip(sorted_, intervals, tables, strict=True)
    ]


def compare(
    method: Mapping[str, float],
    other: Mapping[str, float],
    *,
    higher_is_better: bool = True,
    seed: int = 0,
) -> Comparison:
    """Compare a method with another, as a rule unified, over the personas that both have scores for.

    Raises LabError if they share no persona or a score is not finite.
    """
    return compare_many([(method, other)], higher_is_better=higher_is_better, seed=seed)[0]


def compare_many(
    pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]],
    *,
    higher_is_better: bool = True,
    seed: int = 0,
    ranks: bool = True,
) -> list[Comparison]:
    """Compare the two sides of each pair; all share one resampling of personas.

    Without `ranks` there is no signed-rank test and no detectable effect, for which SciPy's statistics are needed: they
    take longer to import than all the rest to compute.
    """
    paired = [_paired(*pair) for pair in pairs]
    intervals = _intervals([differences for _, differences in paired], seed)
    return [
        _comparison(personas, differences, interval, len(one.keys() | other.keys()), higher_is_better, ranks)
        for (personas, differences), interval, (one, other) in zip(paired, intervals, pairs, strict=True)
    ]


def _paired(method: Mapping[str, float], other: Mapping[str, float]) -> tuple[list[str], Floats]:
    """The personas that both have, in order, and method − other, [n]."""
    shared = method.keys() & other.keys()
    if not shared:
        raise LabError("comparison with unified: no persona has a score under both; evaluate both on the same split")
    personas, treated = _sorted({persona: method[persona] for persona in shared})
    _, reference = _sorted({persona: other[persona] for persona in shared})
    return personas, without_rounding(treated - reference, max(np.abs(treated).max(), np.abs(reference).max()))


def _intervals(columns: Sequence[Floats], seed: int) -> list[Interval | None]:
    """The interval of the mean of each; those of one length are computed together."""
    found: list[Interval | None] = [None] * len(columns)
    for n in {len(column) for column in columns}:
        alike = [place for place, column in enumerate(columns) if len(column) == n]
        together = np.stack([columns[place] for place in alike], axis=1)  # [n, c]
        for place, interval in zip(alike, bootstrap_intervals(together, seed=seed), strict=True):
            found[place] = interval
    return found


def _comparison(
    personas: list[str],
    differences: Floats,
    interval: Interval | None,
    known: int,
    higher_is_better: bool,
    ranks: bool,
) -> Comparison:
    n = len(differences)
    gains = differences if higher_is_better else -differences
    improved = int((gains > 0).sum())
    t, t_p, wilcoxon_p = paired_tests(differences) if ranks else (*paired_t_test(differences), None)
    spread = float(differences.std(ddof=1)) if n > 1 else 0.0
    return Comparison(
        n=n,
        left_out=known - n,
        difference=float(differences.mean()),
        interval=interval,
        t=t,
        t_p=t_p,
        wilcoxon_p=wilcoxon_p,
        effect_size=_effect_size(differences, spread),
        improved=improved / n,
        improved_interval=wilson_interval(improved, n),
        worst=_worst(personas, differences, higher_is_better),
        detectable=spread * smallest_detectable_effect(n) if n > 1 and ranks else None,
    )


def paired_tests(differences: Floats) -> tuple[float | None, float, float]:
    """Give t, the paired t-test's p and Wilcoxon's signed-rank p of differences [n], both two-sided.

    No difference anywhere, or fewer than two personas, is no evidence (p = 1). Zero differences are dropped by
    Wilcoxon's test, as in Wilcoxon 1945.
    """
    return (*paired_t_test(differences), _signed_rank_p(differences))


def paired_t_test(differences: Floats) -> tuple[float | None, float]:
    """Give t and its two-sided p, to the digit those of `scipy.stats.ttest_1samp`, whose import takes a second.

    Edge cases, all on the cautious side: no difference anywhere, or fewer than two personas, is no evidence
    (p = 1). When all differences are equal the t statistic is infinite and has no meaning: t is None and
    its p is Wilcoxon's.
    """
    n = len(differences)
    if n < 2 or not differences.any():
        return 0.0 if n > 1 else None, 1.0
    if np.ptp(differences) == 0:
        return None, _signed_rank_p(differences)
    from scipy.special import stdtr

    mean = differences.mean()
    variance = ((differences - mean) ** 2).mean() * (n / (n - 1))
    t = float(mean / np.sqrt(variance / n))
    return t, float(2 * stdtr(n - 1, -abs(t)))


def _signed_rank_p(differences: Floats) -> float:
    n = len(differences)
    if n < 2 or not differences.any():
        return 1.0
    from scipy import stats

    if n <= _EXACT:
        ranks = stats.rankdata(np.abs(differences[differences != 0]))
        if len(ranks) < n or len(set(ranks.tolist())) < n:
            return _tied_signed_rank_p(differences[differences != 0], ranks)
    return float(stats.wilcoxon(differences).pvalue)


def _tied_signed_rank_p(differences: Floats, ranks: Floats) -> float:
    """The exact p where ranks are tied: SciPy's to the digit, which takes half a second for each of thousands of pairs.

    Without a difference every sign is as likely as the other, so the sum of the ranks above zero has 2ⁿ equal chances.
    """
    observed = ranks[differences > 0].sum()
    sums = _signs(len(ranks)) @ ranks
    return min(1.0, 2 * float(min((sums <= observed).mean(), (sums >= observed).mean())))


@lru_cache(maxsize=_EXACT)
def _signs(n: int) -> Floats:
    """Every choice of n signs, 1 for above zero: [2ⁿ, n]."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p values for the number of methods compared (Holm 1979, Scandinavian Journal of Statistics 6).

    The i-th smallest of m is multiplied by m − i + 1, made monotone and capped at 1. Keys keep their order.
    """
    adjusted: dict[str, float] = {}
    running = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}


@lru_cache(maxsize=256)
def smallest_detectable_effect(n: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Give the smallest d_z that a two-sided paired t-test on n personas finds with this power.

    Multiply by the standard deviation of the differences for the metric's own units. Power is exact, from
    the noncentral t distribution (Cohen 1988, chapter 2). Raises LabError for fewer than two personas.
    """
    if n < 2:
        raise LabError(f"smallest detectable effect: {n} persona(s) given, a paired test needs at least 2")
    from scipy import optimize, stats

    degrees = n - 1
    critical = stats.t.ppf(1 - alpha / 2, degrees)

    def shortfall(effect: float) -> float:
        # Significance in the wrong direction has no weight at this power, and SciPy's far tail is unreliable.
        return float(stats.nct.sf(critical, degrees, effect * math.sqrt(n))) - power

    # Even with two personas a shift of a few critical values is found, so the root lies inside.
    return float(optimize.brentq(shortfall, 1e-6, 4 * critical / math.sqrt(n)))


def _sorted(scores: Mapping[str, float]) -> tuple[list[str], Floats]:
    """Give persona ids in order and their scores, [n]."""
    if not scores:
        raise LabError("statistics: no persona has a score for this metric; leave the metric out for this data set")
    personas = sorted(scores)
    values = np.array([scores[persona] for persona in personas], dtype=np.float64)
    if not np.isfinite(values).all():
        bad = personas[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise LabError(f"statistics: the score of persona {bad!r} is not a finite number; evaluate it again")
    return personas, values


def without_rounding(differences: Floats, scale: float) -> Floats:
    """Keep 14 digits relative to the scores' size: 0.3 − 0.2 and 0.2 − 0.1 are a tie to the rank test.

    Of scores so large that fewer would be left, whole numbers are kept: to 9e15 their differences are exact.
    """
    return differences.round(min(max(14 - math.ceil(math.log10(scale)), 0), 200)) if scale > 0 else differences


def _worst(personas: list[str], values: Floats, higher_is_better: bool) -> PersonaValue:
    index = int(values.argmin() if higher_is_better else values.argmax())
    return PersonaValue(personas[index], float(values[index]))


def _effect_size(differences: Floats, spread: float) -> float | None:
    """Cohen's d_z; 0 when nothing differs, None when all differ by the same amount."""
    mean = float(differences.mean())
    if mean == 0.0:
        return 0.0
    return mean / spread if spread > 1e-12 * abs(mean) else None
