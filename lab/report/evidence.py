"""All that a report says of a study, as plain values: what was compared, how sure it is, and what it rests on.

Numbers are never NaN: what cannot be known (an interval from one persona, a spread from one seed) is None. Every p
value stands beside the one that is corrected for its family, the comparisons that were made at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lab.metrics.curves import Curve
from lab.metrics.paired import Against, Seeds
from lab.metrics.selection import Ceiling
from lab.metrics.statistics import Summary
from lab.report.looks import Look, Looks  # noqa: F401
from lab.report.results import Results

Removal = Literal["removed", "partly", "kept", "untested", "no gain"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the published conditions of success for one method.

    `short` is how far `value` is from `threshold` on the wrong side, in the unit of both; 0 where it is met.
    """

    name: str  # "improved" | "mean" | "worst" | "p"
    says: str  # "over 60% of personas better than unified"
    threshold: float
    value: float
    met: bool
    short: float


@dataclass(frozen=True, slots=True)
class MethodEvidence:
    """One method on the metric of the report, its scores averaged over seeds within each persona."""

    name: str
    summary: Summary  # over personas: mean, interval, worst persona
    seeds: Seeds | None  # of its mean score; None for one seed
    versus: Against | None  # unified; None for unified itself and where they share no persona
    criteria: tuple[Criterion, ...]  # empty without `versus`
    is_control: bool
    after_test: bool  # it was added, or made otherwise, after somebody had read test scores of these data

    @property
    def succeeds(self) -> bool:
        """Whether it meets every published criterion."""
        return bool(self.criteria) and all(one.met for one in self.criteria)


@dataclass(frozen=True, slots=True)
class TaskTypeEvidence:
    """Every method against unified on the turns of one task type; p corrected over all methods and types."""

    task_type: str
    n_personas: int
    versus: tuple[Against, ...]


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """Every method against unified in another metric; p corrected over the methods, for this metric alone."""

    metric: str
    versus: tuple[Against, ...]
    controls: tuple[ControlEvidence, ...]  # one for each method that is personal and no control


@dataclass(frozen=True, slots=True)
class ControlEvidence:
    """Whether what a method gains is gone in its control, as a real gain must be.

    - `personal`: the method against its control: what of its score is owed to what the control takes away;
    - `left`: the control against unified: what it still gains;
    - `verdict`: "removed" — the method beats its control, which gains nothing; "partly" — it does, but the control
      still gains; "kept" — it does not beat it; "untested" — there is no such control, so nothing is known;
      "no gain" — the method claims none, so there is nothing to remove.
    """

    method: str
    control: str  # "" where there is none
    claims: bool  # whether the method claims a gain over unified: above 0 with p < 0.05 after Holm
    personal: Against | None
    left: Against | None
    verdict: Removal


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked for and, where `found` is empty, not found."""

    name: str
    says: str  # what is proved, of what and how many
    found: tuple[str, ...]  # sentences, each a fault

    @property
    def proved(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.found


@dataclass(frozen=True, slots=True)
class Leakage:
    """What the rows and data of a study prove after the fact, and what only the program's tests can."""

    checks: tuple[Check, ...]
    repeated: float | None  # share of test references that stand word for word in the persona's own train dialogues
    beyond: str  # what no row can prove

    @property
    def sound(self) -> bool:
        """Whether every check holds."""
        return all(check.proved for check in self.checks)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What one method cost, per seed (mean); what it stands on is not counted again.

    None where nothing was trained, or nothing of it is known.
    """

    method: str
    train_seconds: float | None
    tokens: int | None  # seen in training
    padding: float | None  # share of computed positions, 0…1
    parameters: int | None  # stored, over all groups
    seconds_per_answer: float | None
    job_seconds: float  # of all its finished jobs, from claim to commit, evaluation included
    stands_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One study on one split and one metric."""

    study: str
    study_digest: str  # of the study file's content as it was planned
    dataset: str
    dataset_digest: str
    base: str
    split: str
    metric: str
    seeds: tuple[int, ...]
    n_personas: int
    table: Results  # every metric of every method
    scores: Mapping[str, Mapping[str, float]]  # method → persona → score, averaged over seeds
    methods: tuple[MethodEvidence, ...]  # in the order of the study
    pairs: tuple[Against, ...]  # every two methods; p corrected over all pairs
    task_types: tuple[TaskTypeEvidence, ...]
    others: tuple[MetricEvidence, ...]  # what the main metric may not show
    drawn: tuple[str, ...]  # controls that hold what is personal, drawn at random: a merge's, a route's
    controls: tuple[ControlEvidence, ...]  # one for each method that is personal and no control
    ceiling: Ceiling | None  # the oracle and the published procedure: no results, both
    looks: Looks
    leakage: Leakage
    ledger: tuple[LedgerRow, ...]
    notes: tuple[str, ...]  # what has to be known to read it: few personas, one seed, …

    def method(self, name: str) -> MethodEvidence | None:
        """One method's evidence; None where it has no scores."""
        return next((one for one in self.methods if one.name == name), None)


@dataclass(frozen=True, slots=True)
class CurveEvidence:
    """How each method fares as studies that differ in one number alone grow."""

    over: Literal["dialogues", "base"]
    studies: tuple[str, ...]  # in the order of x
    curves: tuple[Curve, ...]  # one for each method that all studies have
    notes: tuple[str, ...]
