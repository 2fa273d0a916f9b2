"""Which of several methods serves each persona: by its own val scores, by what it is like, or at random.

The first method is the default, and a persona's gain is what another one, a candidate, adds to its mean val score
under the default, turn by turn. The published study compared every persona with one global mean and kept the
maximum of noisy scores, which finds a gain where there is none. Here doubt keeps the default.

Turns of one dialogue share a history and are no independent witnesses; dialogues are. scikit-learn is imported inside
the function that needs it, because it is slow to load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from lab.metrics.statistics import paired_tests, without_rounding

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Turn = tuple[str, int]  # dialogue, index of the message in it
Scores = Mapping[str, Mapping[Turn, float]]  # persona → turn → score on val, under one method

# How sure a gain has to be; each of c candidates may err with (1 − LEVEL) / c, for each is a chance to be fooled. Such
# doubt costs: where gains do differ between personas, a lower level gains more on average. But where nothing is better,
# some persona leaves the default in about 5% of studies (simulated; with 8 personas in 7% where each has five val
# dialogues, in 12% where each has two; in a quarter where hardly any has more than one).
LEVEL = 0.95
FEW_FOR_VAL = 4  # below, the spread between personas cannot be told from noise: Morris's term has n − 3 under it
FEW_FOR_CLASSIFIER = 10

_POOLED = 4  # what is known of all personas' noise counts as much as so many dialogues more of each
_ROUNDING = 1e-12  # of the largest gain, squared: a variance that rounding alone may have
_FOLDS = 10
_PENALTIES = np.logspace(-1, 4, 11)


@dataclass(frozen=True, slots=True)
class Gain:
    """What a candidate is thought to add for one persona.

    - `gain`: posterior mean (val) or out-of-fold prediction (classifier), in units of the score;
    - `sd`, `sure`: posterior standard deviation and P(gain > 0); None where the gain is predicted.
    """

    gain: float
    sd: float | None = None
    sure: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The method that serves a persona; candidate → its gain, empty where none could be judged."""

    method: str
    gains: dict[str, Gain]


@dataclass(frozen=True, slots=True)
class Population:
    """A candidate's gain over all personas.

    - `gain`: its mean, each persona weighted by what is known of it;
    - `spread`: standard deviation of the personas' true gains, 0 where noise alone explains how they differ;
    - `explained`: cross-validated R² of the classifier's predictions; None without a classifier.
    """

    gain: float
    spread: float
    explained: float | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Persona → choice, candidate → gain over the population, and in a sentence why all stay, where they must."""

    choices: dict[str, Choice]
    population: dict[str, Population]
    note: str = ""


class OwnGains(NamedTuple):
    """Mean gain of each of n personas on its own val turns, variance of that mean, its degrees of freedom: [n] each."""

    mean: Floats
    variance: Floats
    degrees: Floats


class Posterior(NamedTuple):
    """What is believed of n personas' gains: population mean, spread between personas, mean [n], sd [n]."""

    population: float
    spread: float
    mean: Floats
    sd: Floats


class _Paired(NamedTuple):
    """The turns that all methods answered: gains [c, t], persona [t] in 0 … n−1, dialogue [t] in 0 … k−1."""

    personas: tuple[str, ...]  # that have such turns, n of them
    gains: Floats
    persona: Ints
    dialogue: Ints


# -- the three ways -------------------------------------------------------------------------------------------------


def by_val(personas: Sequence[str], among: Sequence[str], scores: Sequence[Scores]) -> Routing:
    """Give each persona the candidate of the highest posterior gain among those that are a gain, else the default.

    It is a gain where P(gain > 0) ≥ 1 − (1 − LEVEL) / c for c candidates. `scores` are in the order of `among`.
    """
    turns = _paired(personas, scores)
    candidates = among[1:]
    if len(turns.personas) < FEW_FOR_VAL:
        return _all_stay(
            personas, among, f"fewer than {FEW_FOR_VAL} personas have val dialogues that all methods answered"
        )
    own = [own_gains(gain, turns.persona, turns.dialogue) for gain in turns.gains]
    if not own[0].degrees.any():
        return _all_stay(personas, among, "no persona has two val dialogues, so noise cannot be told from gains")
    beliefs = [shrink(one) for one in own]
    sure = np.array([surely_above_zero(*pair) for pair in zip(beliefs, own, strict=True)])  # [c, n]
    means = np.array([belief.mean for belief in beliefs])  # [c, n]
    best = pick(means, sure >= 1 - (1 - LEVEL) / len(candidates))  # [n]
    gains = [
        {
            candidate: Gain(float(means[c, i]), float(beliefs[c].sd[i]), float(sure[c, i]))
            for c, candidate in enumerate(candidates)
        }
        for i in range(len(turns.personas))
    ]
    found = {one: Population(beliefs[c].population, beliefs[c].spread) for c, one in enumerate(candidates)}
    return Routing(_choices(personas, among, turns.personas, best, gains), found)


def by_classifier(
    personas: Sequence[str], among: Sequence[str], scores: Sequence[Scores], features: Floats, seed: int
) -> Routing:
    """Give each persona the candidate of the highest predicted gain, if candidates so chosen do gain, else the default.

    A persona's gain is predicted from its `features` [personas, d] by what others gained, never by its own val scores.
    """
    turns = _paired(personas, scores)
    candidates = among[1:]
    if len(turns.personas) < FEW_FOR_CLASSIFIER:
        return _all_stay(personas, among, f"fewer than {FEW_FOR_CLASSIFIER} personas are too few to learn from")
    own = [own_gains(gain, turns.persona, turns.dialogue) for gain in turns.gains]
    means = np.array([one.mean for one in own])  # [c, n]
    row = {persona: number for number, persona in enumerate(personas)}
    known = features[[row[persona] for persona in turns.personas]]  # [n, d]
    predicted = np.array([predict(known, mean, seed) for mean in means])  # [c, n]
    best = pick(predicted, predicted_to_gain(predicted, means))
    gains = [
        {candidate: Gain(float(predicted[c, i])) for c, candidate in enumerate(candidates)}
        for i in range(len(turns.personas))
    ]
    found = {}
    for c, candidate in enumerate(candidates):
        belief = shrink(own[c])
        found[candidate] = Population(belief.population, belief.spread, _explained(means[c], predicted[c]))
    return Routing(_choices(personas, among, turns.personas, best, gains), found)


def at_random(personas: Sequence[str], among: Sequence[str], seed: int) -> Routing:
    """Draw each persona's method; seed and persona alone decide, not who else is there."""
    return Routing({persona: Choice(_drawn(persona, among, seed), {}) for persona in personas}, {})


def pick(gains: Floats, allowed: Bools) -> Ints:
    """The place [n] of the greatest positive allowed gain among c candidates [c, n], counted from 1; else 0."""
    shown = np.where(allowed & (gains > 0), gains, 0.0)
    return np.where(shown.any(axis=0), 1 + shown.argmax(axis=0), 0)


# -- val ------------------------------------------------------------------------------------------------------------


def own_gains(gain: Floats, persona: Ints, dialogue: Ints) -> OwnGains:
    """Each persona's mean gain over its turns, with the variance of that mean.

    Persona i has m turns of noise variance φᵢ each, correlation within dialogues included: it is estimated from the
    sums of residuals by dialogue, Σ_g (Σ_j e_gj)² / (m − Σ_g m_g² / m), which is robust to that correlation (Liang &
    Zeger 1986) and, by its denominator, unbiased without it however few the dialogues.
    A persona has few dialogues, so φᵢ is moved towards that of all personas pooled, with the weight of _POOLED
    dialogues, and has that many more degrees of freedom (Smyth 2004, moderated t). Without two dialogues of one
    persona anywhere nothing is known: variance 0 (but for rounding) and 0 degrees.

    Args:
        gain: [t], of one turn.
        persona: [t], 0 … n−1, each with a turn.
        dialogue: [t], 0 … k−1, each with a turn; no two personas share one.
    """
    turns = np.bincount(persona)  # [n]
    mean = np.bincount(persona, gain) / turns
    home = np.zeros(dialogue.max() + 1, np.intp)  # [k], whose dialogue it is
    home[dialogue] = persona
    residuals = np.bincount(dialogue, gain - mean[persona])  # [k], summed
    squares = np.bincount(home, residuals**2)  # [n]
    independent = turns - np.bincount(home, np.bincount(dialogue) ** 2) / turns  # [n], 0 for a single dialogue
    degrees = np.bincount(home) - 1  # [n]
    own = np.divide(squares, independent, out=np.zeros_like(squares), where=degrees > 0)
    pooled = squares.sum() / independent.sum() if degrees.any() else 0.0
    noise = (_POOLED * pooled + degrees * own) / (_POOLED + degrees)
    known = np.minimum(_POOLED + degrees, degrees.sum()).astype(np.float64)
    least = _ROUNDING * (np.abs(gain).max() ** 2 or 1.0)
    return OwnGains(mean, np.maximum(noise, least) / turns, known)


def shrink(own: OwnGains) -> Posterior:
    """Move each persona's mean gain y towards the population's, by as much as it is noise: empirical Bayes.

    y ~ N(θ, v), θ ~ N(μ, τ²) (Efron & Morris 1975). τ² is the moment estimator of DerSimonian & Laird 1986, not below
    0, μ the mean weighted by 1 / (v + τ²). With B = v / (v + τ²) the posterior of θ has mean B·μ + (1 − B)·y and
    variance (1 − B)·v, to which come B²·Var(μ) for the estimated μ and Morris's (1983) term for the estimated τ²,
    2 / (n − 3) · B² · (v̄ + τ²) / (v + τ²) · (y − μ)², left out for n < 4.
    """
    mean, variance, _ = own
    n, weight = len(mean), 1 / variance
    fixed = weight @ mean / weight.sum()
    scale = weight.sum() - weight @ weight / weight.sum()
    excess = weight @ (mean - fixed) ** 2 - (n - 1)
    between = max(0.0, float(excess / scale)) if n > 1 else 0.0
    total = variance + between  # [n]
    population = float((mean / total).sum() / (1 / total).sum())
    noise = variance / total  # [n], B
    doubt = (1 - noise) * variance + noise**2 / (1 / total).sum()
    if n > 3:
        doubt += 2 / (n - 3) * noise**2 * (variance.mean() + between) / total * (mean - population) ** 2
    return Posterior(population, between**0.5, noise * population + (1 - noise) * mean, np.sqrt(doubt))


def surely_above_zero(belief: Posterior, own: OwnGains) -> Floats:
    """P(gain > 0) [n], by Student's t, for the noise is estimated too."""
    found: Floats = stdtr(own.degrees, belief.mean / belief.sd)
    return found


# -- classifier -----------------------------------------------------------------------------------------------------


def predict(features: Floats, gains: Floats, seed: int) -> Floats:
    """Gains [n] predicted from features [n, d] by ridge regression, each by a fit without its fold of personas.

    The penalty is chosen within each fit (leave-one-out, Golub et al. 1979); the seed deals the folds.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    folds = KFold(min(_FOLDS, len(gains)), shuffle=True, random_state=seed % 2**32)  # scikit-learn takes 32 bits
    found: Floats = cross_val_predict(RidgeCV(_PENALTIES), features, gains, cv=folds)
    return found


def predicted_to_gain(predicted: Floats, gains: Floats) -> Bools:
    """Who is predicted to gain by which candidate, [c, n], for candidates whose predictions can be relied on.

    A persona's own gain has no part in its prediction, so those predicted to gain are a fair test of the predictions:
    their mean gain has to be above 0 (one-sided paired t-test, level (1 − LEVEL) / c). R² above 0 would be the wrong
    test: from a candidate by which all personas gain alike there is nothing to explain.
    """
    allowed = predicted > 0
    for c, moved in enumerate(allowed):
        _, p, _ = paired_tests(gains[c, moved])
        if not (moved.any() and gains[c, moved].mean() > 0 and p / 2 <= (1 - LEVEL) / len(gains)):
            allowed[c] = False
    return allowed


def _explained(gains: Floats, predicted: Floats) -> float | None:
    """Cross-validated R²: None where all personas gain the same."""
    total = float(((gains - gains.mean()) ** 2).sum())
    return 1 - float(((gains - predicted) ** 2).sum()) / total if total > 0 else None


# -- parts ----------------------------------------------------------------------------------------------------------


def _paired(personas: Sequence[str], scores: Sequence[Scores]) -> _Paired:
    """Candidates' scores minus the default's; personas with a turn that all methods answered only."""
    found: list[str] = []
    places: dict[tuple[str, str], int] = {}  # (persona, dialogue)
    owner: list[int] = []
    dialogue: list[int] = []
    answered: list[list[float]] = []  # by all methods, the default first
    for persona in personas:
        shared = set.intersection(*(set(one.get(persona, ())) for one in scores))
        found += [persona] if shared else []
        for turn in sorted(shared):
            owner.append(len(found) - 1)
            dialogue.append(places.setdefault((persona, turn[0]), len(places)))
            answered.append([one[persona][turn] for one in scores])
    told = np.array(answered).reshape(len(answered), len(scores)).T  # [c + 1, t]
    gains = without_rounding(told[1:] - told[0], float(np.abs(told).max(initial=0.0)))
    return _Paired(tuple(found), gains, np.array(owner, dtype=np.intp), np.array(dialogue, dtype=np.intp))


def _choices(
    personas: Sequence[str], among: Sequence[str], judged: Sequence[str], best: Ints, gains: Sequence[dict[str, Gain]]
) -> dict[str, Choice]:
    """Persona → choice; who was not judged stays with the default."""
    chosen = {persona: Choice(among[int(best[i])], gains[i]) for i, persona in enumerate(judged)}
    return {persona: chosen.get(persona, Choice(among[0], {})) for persona in personas}


def _all_stay(personas: Sequence[str], among: Sequence[str], why: str) -> Routing:
    return Routing({persona: Choice(among[0], {}) for persona in personas}, {}, f"{why}: all stay with {among[0]}")


def _drawn(persona: str, among: Sequence[str], seed: int) -> str:
    own = int.from_bytes(hashlib.sha256(persona.encode()).digest()[:8])
    return among[int(np.random.default_rng([seed, own]).integers(len(among)))]
