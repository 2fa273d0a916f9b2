"""The results of a study: methods × metrics over personas, each against unified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.db.queries import StudyRow
from lab.db.scores import ScoreRow, costs, scores, sweeps
from lab.metrics.aggregate import METRICS
from lab.metrics.statistics import Comparison, compare, holm, summarise

REFERENCE = "unified"
MAIN_METRIC = "embedding_similarity"
FEW_PERSONAS = 10
"""Below so many, bootstrap intervals cover far less than 95% and paired tests find only the largest effects."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over personas with its 95% interval (None for a single persona)."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Versus:
    """A method against unified in embedding similarity, persona by persona."""

    difference: float
    low: float | None
    high: float | None
    p: float  # paired t-test
    p_holm: float  # corrected for the methods of this table
    improved: float  # share of personas
    worst_persona: str
    worst: float  # that persona's difference


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method costs beside its quality."""

    train_seconds: float | None
    parameters: int | None  # stored, over all groups
    seconds_per_answer: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a sweep chose on val, and all it tried."""

    seed: int  # of the study
    tried: list[dict[str, Any]]  # {"setting", "val_loss"}, the best first

    @property
    def setting(self) -> dict[str, float]:
        """The one that is served."""
        best: dict[str, float] = self.tried[0]["setting"]
        return best


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One row of the table."""

    name: str
    n_personas: int
    metrics: dict[str, Estimate]
    vs_unified: Versus | None
    cost: Cost
    choices: list[Choice] = field(default_factory=list)  # of its sweep, one for each seed; empty without a sweep


@dataclass(frozen=True, slots=True)
class Results:
    """The table, in the order of the study's methods."""

    study: str
    dataset: str
    base: str
    split: str
    methods: list[MethodResult]

    @property
    def n_personas(self) -> int:
        """How many personas have scores."""
        return max((method.n_personas for method in self.methods), default=0)

    @property
    def note(self) -> str | None:
        """A warning, where there are too few personas for statistics."""
        if not 0 < self.n_personas < FEW_PERSONAS:
            return None
        n = "1 persona" if self.n_personas == 1 else f"{self.n_personas} personas"
        return f"note: with only {n} intervals and p values mean little; take {FEW_PERSONAS} or more"


def persona_scores(
    study: StudyRow, split: str, metric: str = MAIN_METRIC, task_type: str = ""
) -> dict[str, dict[str, float]]:
    """Method → persona → score, averaged over seeds."""
    rows = scores(study.id, split, task_type=task_type, metric=metric)
    return {method: table[metric] for method, table in _tables(rows).items()}


def results(study: StudyRow, split: str = "test", task_type: str = "") -> Results:
    """Everything that is evaluated so far; methods without scores are left out."""
    tables = _tables(scores(study.id, split, task_type=task_type))
    reference = tables.get(REFERENCE, {}).get(MAIN_METRIC)
    compared = {
        name: compare(table[MAIN_METRIC], reference)
        for name, table in tables.items()
        if reference and name != REFERENCE and table.get(MAIN_METRIC, {}).keys() & reference.keys()
    }
    corrected = holm({name: comparison.t_p for name, comparison in compared.items()})
    ledger, swept = costs(study.id, split), sweeps(study.id)
    methods = [
        MethodResult(
            name=name,
            n_personas=max(len(personas) for personas in table.values()),
            metrics=_estimates(table),
            vs_unified=_versus(compared[name], corrected[name]) if name in compared else None,
            cost=Cost(**ledger.get(name, {"train_seconds": None, "parameters": None, "seconds_per_answer": None})),
            choices=[Choice(seed, tried) for seed, tried in swept.get(name, ())],
        )
        for name, table in tables.items()
    ]
    order = list(study.spec["methods"])
    methods.sort(key=lambda method: order.index(method.name) if method.name in order else len(order))
    return Results(study.name, study.dataset_name, study.base, split, methods)


def as_json(table: Results) -> dict[str, Any]:
    """The documented form of `lab results --json`."""
    return {
        "study": table.study,
        "dataset": table.dataset,
        "base": table.base,
        "split": table.split,
        "note": table.note,
        "methods": [
            {
                "name": method.name,
                "n_personas": method.n_personas,
                "metrics": {
                    name: {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "n": estimate.n}
                    for name, estimate in method.metrics.items()
                },
                "vs_unified": _versus_json(method.vs_unified),
                "cost": {
                    "train_seconds": method.cost.train_seconds,
                    "parameters": method.cost.parameters,
                    "seconds_per_answer": method.cost.seconds_per_answer,
                },
                **_choice_json(method.choices),
            }
            for method in table.methods
        ],
    }


def _choice_json(choices: list[Choice]) -> dict[str, Any]:
    """The setting a sweep chose (None where seeds disagree) and all it tried, by seed and the best first."""
    if not choices:
        return {"setting": None, "tried": []}
    first = choices[0].setting
    return {
        "setting": first if all(choice.setting == first for choice in choices) else None,
        "tried": [{"seed": choice.seed, **one} for choice in choices for one in choice.tried],
    }


def _versus_json(versus: Versus | None) -> dict[str, Any] | None:
    if versus is None:
        return None
    return {
        "difference": versus.difference,
        "low": versus.low,
        "high": versus.high,
        "p": versus.p,
        "p_holm": versus.p_holm,
        "improved": versus.improved,
        "worst": versus.worst,
        "worst_persona": versus.worst_persona,
    }


def _tables(rows: Iterable[ScoreRow]) -> dict[str, dict[str, dict[str, float]]]:
    """Method → metric → persona → score; several seeds of one persona are averaged."""
    collected: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        personas = collected.setdefault(row.method, {}).setdefault(row.metric, {})
        personas.setdefault(row.persona_id, []).append(row.value)
    return {
        method: {
            metric: {persona: sum(values) / len(values) for persona, values in personas.items()}
            for metric, personas in table.items()
        }
        for method, table in collected.items()
    }


def _estimates(table: dict[str, dict[str, float]]) -> dict[str, Estimate]:
    estimates = {}
    for metric in METRICS:
        if metric in table:
            summary = summarise(table[metric], higher_is_better=METRICS[metric].higher_is_better is not False)
            interval = summary.interval
            low, high = (interval.low, interval.high) if interval else (None, None)
            estimates[metric] = Estimate(summary.mean, low, high, summary.n)
    return estimates


def _versus(comparison: Comparison, p_holm: float) -> Versus:
    interval = comparison.interval
    return Versus(
        comparison.difference,
        interval.low if interval else None,
        interval.high if interval else None,
        comparison.t_p,
        p_holm,
        comparison.improved,
        comparison.worst.persona_id,
        comparison.worst.value,
    )
