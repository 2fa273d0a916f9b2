"""The results of a study: methods × metrics over personas, each against unified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.db.queries import StudyRow
from lab.db.scores import Evaluated, costs, evaluated, sweeps
from lab.methods.extend import stored
from lab.methods.fitted import fitted_to_val
from lab.metrics.aggregate import METRICS
from lab.metrics.paired import Against, Runs, against, over_seeds, shared_seeds
from lab.metrics.statistics import summarise_many
from lab.report.looks import TEST, Looks, looked, looks_at
from lab.report.unfinished import Unfinished, unfinished

REFERENCE = "unified"
VAL = "val"
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
    after_test: bool = False  # it was added or changed after test scores had been read: its p value is exploratory


@dataclass(frozen=True, slots=True)
class Results:
    """The table, in the order of the study's methods."""

    study: str
    dataset: str
    base: str
    split: str
    methods: list[MethodResult]
    looks: Looks | None = None  # at test; None for another split
    fitted: tuple[str, ...] = ()  # of a table of val: the methods that were fitted to these very dialogues
    unfinished: Unfinished | None = None  # what has no scores; None: all that was planned has

    @property
    def n_personas(self) -> int:
        """How many personas have scores."""
        return max((method.n_personas for method in self.methods), default=0)

    @property
    def note(self) -> str | None:
        """A warning: there are too few personas for statistics, or methods have seen these dialogues."""
        told = []
        if 0 < self.n_personas < FEW_PERSONAS:
            n = "1 persona" if self.n_personas == 1 else f"{self.n_personas} personas"
            told.append(f"with only {n} intervals and p values mean little; take {FEW_PERSONAS} or more")
        if self.fitted:
            told.append(f"fitted to these val dialogues, so better on them than elsewhere: {', '.join(self.fitted)}")
        return f"note: {'; '.join(told)}" if told else None


def persona_scores(
    study: StudyRow, split: str, metric: str = MAIN_METRIC, task_type: str = "", *, by: str = "a program"
) -> dict[str, dict[str, float]]:
    """Method → persona → score, averaged over the seeds that all methods have: one may be luckier than another.

    `by` reads them, which is a look if they are of test.
    """
    found = evaluated(study.id, split, task_type=task_type, metric=metric)
    if found:
        looked(study, split, by)
    runs = runs_of(found, list(dict.fromkeys(one.method for one in found)), metric)
    seeds = shared_seeds(runs.values())
    return {method: over_seeds(one, seeds) for method, one in runs.items()}


def results(study: StudyRow, split: str = TEST, task_type: str = "", *, by: str = "a program") -> Results:
    """Everything that is evaluated so far; methods without scores are left out. `by` reads it, see `lab.db.looks`."""
    return tabulated(study, split, evaluated(study.id, split, task_type=task_type), by=by)


def tabulated(study: StudyRow, split: str, found: Sequence[Evaluated], *, by: str) -> Results:
    """The same of scores that are read already."""
    if found:
        looked(study, split, by)
    tables = _tables(found)
    looks = looks_at(study) if split == TEST else None
    compared = _compared(runs_of(found, list(tables)))
    ledger, swept, estimates = costs(study.id, split), sweeps(study.id), _estimates(tables)
    methods = [
        MethodResult(
            name=name,
            n_personas=max(len(personas) for personas in table.values()),
            metrics=estimates[name],
            vs_unified=_versus(compared[name]) if name in compared else None,
            cost=Cost(**ledger.get(name, {"train_seconds": None, "parameters": None, "seconds_per_answer": None})),
            choices=[Choice(seed, tried) for seed, tried in swept.get(name, ())],
            after_test=looks is not None and name in looks.after_test,
        )
        for name, table in tables.items()
    ]
    order = list(study.spec["methods"])
    methods.sort(key=lambda method: order.index(method.name) if method.name in order else len(order))
    fitted = _fitted(study, [method.name for method in methods]) if split == VAL else ()
    missing = unfinished(study, split)
    return Results(study.name, study.dataset_name, study.base, split, methods, looks, fitted, missing)


def _fitted(study: StudyRow, names: Sequence[str]) -> tuple[str, ...]:
    declared = stored(study.spec).declared()
    return tuple(name for name in names if name in declared and fitted_to_val(declared, name))


def _compared(runs: Mapping[str, Runs]) -> dict[str, Against]:
    """Method → it against unified in the main metric, in the seeds and over the personas that both have."""
    if REFERENCE not in runs:
        return {}
    return {one.method: one for one in against(runs, REFERENCE, ranks=False)}


def as_json(table: Results) -> dict[str, Any]:
    """The documented form of `lab results --json`."""
    return {
        "study": table.study,
        "dataset": table.dataset,
        "base": table.base,
        "split": table.split,
        "note": table.note,
        "unfinished": _unfinished_json(table.unfinished),
        "test_looks": _looks_json(table.looks),
        "methods": [
            {
                "name": method.name,
                "n_personas": method.n_personas,
                "metrics": {
                    name: {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "n": estimate.n}
                    for name, estimate in method.metrics.items()
                },
                "vs_unified": _versus_json(method.vs_unified),
                "after_test": method.after_test,
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


def _unfinished_json(one: Unfinished | None) -> dict[str, Any] | None:
    """Method → the seeds that have no scores; None where all that was planned has."""
    if one is None:
        return None
    return {"says": one.says, "missing": {method: list(seeds) for method, seeds in one.missing.items()}}


def _looks_json(looks: Looks | None) -> dict[str, Any] | None:
    """How often test was read; None for another split."""
    if looks is None:
        return None
    return {
        "says": looks.says,
        "looks": [{"at": look.at.isoformat(), "by": look.by, "plan": look.plan} for look in looks.own],
        "after_test": list(looks.after_test),
        "other_studies": list(dict.fromkeys(look.study for look in looks.others)),
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


def runs_of(evaluations: Iterable[Evaluated], order: Sequence[str], metric: str = MAIN_METRIC) -> dict[str, Runs]:
    """Method → seed → persona → score in this metric, methods in this order."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for one in evaluations:
        if metric in one.scores:
            found.setdefault(one.method, {}).setdefault(one.seed, {}).update(one.scores[metric])
    return {name: found[name] for name in order if name in found}


def _tables(found: Sequence[Evaluated]) -> dict[str, dict[str, dict[str, float]]]:
    """Method → metric → persona → score; several seeds of one persona are averaged."""
    tables: dict[str, dict[str, dict[str, float]]] = {one.method: {} for one in found}
    for metric in dict.fromkeys(metric for one in found for metric in one.scores):
        for method, runs in runs_of(found, list(tables), metric).items():
            tables[method][metric] = over_seeds(runs)
    return tables


def _estimates(tables: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, Estimate]]:
    """Method → metric → estimate, in the order of the metrics; all at once, as they share one resampling."""
    places = [(name, metric) for name, table in tables.items() for metric in METRICS if metric in table]
    wanted = [(tables[name][metric], METRICS[metric].higher_is_better is not False) for name, metric in places]
    found: dict[str, dict[str, Estimate]] = {name: {} for name in tables}
    for (name, metric), summary in zip(places, summarise_many(wanted), strict=True):
        interval = summary.interval
        low, high = (interval.low, interval.high) if interval else (None, None)
        found[name][metric] = Estimate(summary.mean, low, high, summary.n)
    return found


def _versus(one: Against) -> Versus:
    comparison, interval = one.comparison, one.comparison.interval
    return Versus(
        comparison.difference,
        interval.low if interval else None,
        interval.high if interval else None,
        comparison.t_p,
        one.p_holm,
        comparison.improved,
        comparison.worst.persona_id,
        comparison.worst.value,
    )
