"""From turns to one value per metric: the table of metrics and the three ways to average them.

Every metric is a fraction per turn (correct devices / predicted devices, nats / tokens, cosine / 1), so one
rule serves all:

- micro: sum of numerators / sum of denominators;
- macro: mean of the turns' fractions over the turns whose denominator is not 0;
- as published: the same mean over all turns, a turn with denominator 0 scoring 0. The published study
  reports 29.35% and 91.24% numerical precision for one model; this denominator is the difference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from lab.metrics.turns import Counts, TurnScores

Fraction = tuple[float, int]
Key = TypeVar("Key", bound=Hashable)


class Average(Enum):
    """How the turns of a persona become one value."""

    MICRO = "micro"
    MACRO = "macro"
    AS_PUBLISHED = "as published"

    @property
    def suffix(self) -> str:
        """What it adds to a metric's name; the bare name is the micro average."""
        return "" if self is Average.MICRO else "_" + self.value.replace(" ", "_")

    @property
    def note(self) -> str:
        """What it adds to a metric's label."""
        return "" if self is Average.MICRO else f" ({self.value})"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table of metrics.

    `higher_is_better` is None where neither is (a length ratio is best at 1). `format` is a format
    specification. `fraction` gives a turn's numerator and denominator; `applies` says whether the turn has
    anything, on either side, that the metric is about.
    """

    name: str
    label: str
    higher_is_better: bool | None
    format: str
    average: Average
    fraction: Callable[[TurnScores], Fraction]
    applies: Callable[[TurnScores], bool]

    def show(self, value: float) -> str:
        """Format a value of this metric for people."""
        return format(value, self.format)


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value and its n: for micro what was counted (devices, tokens, ...), otherwise turns averaged."""

    value: float
    n: int


def aggregate(turns: Sequence[TurnScores]) -> dict[str, Value]:
    """Give every metric over these turns by name; one that nothing defines (0/0) is absent, never NaN."""
    values = ((name, _average(metric, turns)) for name, metric in METRICS.items())
    return {name: value for name, value in values if value is not None}


def aggregate_by(turns: Iterable[tuple[Key, TurnScores]]) -> dict[Key, dict[str, Value]]:
    """Give every metric per key, in the order the keys first appear.

    The key is a persona id, or a (persona id, task type) pair for the breakdown.
    """
    groups: dict[Key, list[TurnScores]] = defaultdict(list)
    for key, turn in turns:
        groups[key].append(turn)
    return {key: aggregate(group) for key, group in groups.items()}


def scores_of(metric: str, values: Mapping[Key, Mapping[str, Value]]) -> dict[Key, float]:
    """Pick one metric out of `aggregate_by`: key → score, without the keys for which it is undefined."""
    return {key: metrics[metric].value for key, metrics in values.items() if metric in metrics}


def _average(metric: Metric, turns: Sequence[TurnScores]) -> Value | None:
    if not any(metric.applies(turn) for turn in turns):
        return None
    fractions = [metric.fraction(turn) for turn in turns]
    defined = [fraction for fraction in fractions if fraction[1]]
    if metric.average is Average.MICRO:
        n = sum(denominator for _, denominator in defined)
        total = math.fsum(numerator for numerator, _ in defined)
    else:
        n = len(defined) if metric.average is Average.MACRO else len(fractions)
        total = math.fsum(numerator / denominator for numerator, denominator in defined)
    return Value(total / n, n) if n else None


CountsOf = Callable[[TurnScores], Counts]

_COUNTED: dict[str, CountsOf] = {
    "device": lambda turn: turn.devices,
    "parameter": lambda turn: turn.parameters,
    "numerical": lambda turn: turn.numbers,
}
_RATES: dict[str, Callable[[Counts], Fraction]] = {
    "precision": lambda counts: (counts.correct, counts.predicted),
    "recall": lambda counts: (counts.correct, counts.reference),
    # 2PR / (P + R) written in counts: defined whenever either side names something.
    "f1": lambda counts: (2 * counts.correct, counts.predicted + counts.reference),
}


def _counted_metric(kind: str, rate: str, average: Average) -> Metric:
    counts, fraction = _COUNTED[kind], _RATES[rate]
    return Metric(
        name=f"{kind}_{rate}{average.suffix}",
        label=f"{kind} {rate.replace('f1', 'F1')}{average.note}",
        higher_is_better=True,
        format=".1%",
        average=average,
        fraction=lambda turn: fraction(counts(turn)),
        applies=lambda turn: counts(turn).predicted + counts(turn).reference > 0,
    )


def _token_nll(average: Average) -> Metric:
    return Metric(
        name=f"token_nll{average.suffix}",
        label=f"token NLL{average.note}",
        higher_is_better=False,
        format=".3f",
        average=average,
        fraction=lambda turn: (turn.nll, turn.n_tokens),
        applies=lambda turn: turn.n_tokens > 0,
    )


def _length_ratio(average: Average) -> Metric:
    return Metric(
        name=f"length_ratio{average.suffix}",
        label=f"length ratio{average.note}",
        higher_is_better=None,
        format=".2f",
        average=average,
        fraction=lambda turn: (turn.predicted_words, turn.reference_words),
        applies=lambda turn: turn.reference_words > 0,
    )


def _table() -> Iterator[Metric]:
    """Every metric, in the order it is shown."""
    yield Metric(
        name="embedding_similarity",
        label="embedding similarity",
        higher_is_better=True,
        format=".3f",
        average=Average.MICRO,  # all three averages of x / 1 are the same
        fraction=lambda turn: (turn.similarity, 1),
        applies=lambda _: True,
    )
    for average in Average:
        for kind in _COUNTED:
            for rate in _RATES:
                yield _counted_metric(kind, rate, average)
    # Scoring an empty turn 0 would call it perfect here, so these two have no "as published".
    for average in (Average.MICRO, Average.MACRO):
        yield _token_nll(average)
        yield _length_ratio(average)


METRICS: dict[str, Metric] = {metric.name: metric for metric in _table()}
"""Every metric by its stable name."""
