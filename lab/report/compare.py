"""The statistics of a report on scores from anywhere: every method against one, any two, by task type, and a router."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.metrics.aggregate import METRICS
from lab.metrics.paired import Against, Runs, Seeds, against, as_one_family, every_pair, over_seeds, seeds_of
from lab.metrics.selection import Ceiling, ceiling
from lab.metrics.statistics import Summary, summarise_many
from lab.report.criteria import criteria
from lab.report.evidence import Criterion, TaskTypeEvidence
from lab.report.results import FEW_PERSONAS, MAIN_METRIC, REFERENCE
from lab.report.router import Routed, route_on_val
from lab.report.score_file import read_scores
from lab.report.score_table import ScoreTable

Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True, slots=True)
class MethodScores:
    """One method of the file on the metric; means of all metrics that it has."""

    name: str
    summary: Summary
    seeds: Seeds | None
    means: Mapping[str, float]
    criteria: tuple[Criterion, ...]  # of embedding similarity only


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What a file of scores says of one metric on test."""

    file: str
    metric: str
    metrics: tuple[str, ...]
    higher_is_better: bool
    other: str  # what every method is compared with
    n_personas: int
    methods: tuple[MethodScores, ...]
    versus: tuple[Against, ...]
    pairs: tuple[Against, ...]
    task_types: tuple[TaskTypeEvidence, ...]
    router: Routed | None  # None without val scores
    ceiling: Ceiling | None
    notes: tuple[str, ...]


def compare_file(
    file: Path,
    other: str | None = None,
    metric: str | None = None,
    *,
    lower_is_better: bool = False,
    progress: Progress = lambda *_: None,
) -> Comparisons:
    """Read a file of scores and compare its methods on test.

    Args:
        file: CSV, see `score_file`.
        other: the method that the others are compared with; unified if left out.
        metric: a column; the first metric if left out.
        lower_is_better: of a metric that is not the lab's; of its own it knows.
        progress: told how many pairs of methods are compared, of how many.

    Raises:
        LabError: the file, or what is asked of it, does not fit.
    """
    table = read_scores(file, metric)
    chosen = metric or (MAIN_METRIC if MAIN_METRIC in table.metrics else table.metrics[0])
    if lower_is_better and chosen in METRICS and METRICS[chosen].higher_is_better is not False:
        raise LabError(f"{chosen} is a metric of the lab's, and less of it is not better; leave --lower-is-better out.")
    return comparisons(table, chosen, _reference(table, other), lower_is_better=lower_is_better, progress=progress)


def _reference(table: ScoreTable, other: str | None) -> str:
    if other is None and REFERENCE not in table.methods:
        raise LabError(
            f"{table.file}: there is no method '{REFERENCE}' to compare with; name one of "
            f"{', '.join(table.methods)} with --against."
        )
    if other is not None and other not in table.methods:
        near = difflib.get_close_matches(other, table.methods, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(table.methods)}."
        raise LabError(f"{table.file}: there is no method '{other}'; {hint}")
    return other or REFERENCE


def comparisons(
    table: ScoreTable,
    metric: str,
    other: str,
    *,
    lower_is_better: bool = False,
    progress: Progress = lambda *_: None,
) -> Comparisons:
    """Compare the methods of a table on test, in one metric.

    Raises:
        LabError: nothing can be compared in this metric.
    """
    higher = not lower_is_better if metric not in METRICS else METRICS[metric].higher_is_better is not False
    test = table.runs(metric, "test")
    if other not in test or len(test) < 2:
        raise LabError(f"{table.file}: {metric} is defined for fewer than two methods, '{other}' among them.")
    versus = against(test, other, higher_is_better=higher)
    if not versus:
        raise LabError(f"{table.file}: no persona has {metric} under '{other}' and under another method.")
    val = table.runs(metric, "val")
    router = route_on_val(val, table.dialogues(metric, "val"), test, other, higher_is_better=higher)
    scores = {name: over_seeds(runs) for name, runs in test.items()}
    everybody = set.intersection(*(set(one) for one in scores.values()))
    return Comparisons(
        file=str(table.file),
        metric=metric,
        metrics=table.metrics,
        higher_is_better=higher,
        other=other,
        n_personas=len(set().union(*scores.values())),
        methods=_methods(table, test, metric, higher, {one.method: one for one in versus}),
        versus=versus,
        pairs=every_pair(test, higher_is_better=higher, progress=progress),
        task_types=_task_types(table, metric, other, higher),
        router=router,
        ceiling=ceiling(scores, other, higher_is_better=higher) if everybody else None,
        notes=tuple(_notes(table, metric, higher, test, val, versus, router)),
    )


def _methods(
    table: ScoreTable, test: Mapping[str, Runs], metric: str, higher: bool, versus: Mapping[str, Against]
) -> tuple[MethodScores, ...]:
    summaries = summarise_many([(over_seeds(runs), higher) for runs in test.values()])
    means: dict[str, dict[str, float]] = {name: {} for name in test}
    for one in table.metrics:
        for name, runs in table.runs(one, "test").items():
            scores = over_seeds(runs)
            means.setdefault(name, {})[one] = sum(scores.values()) / len(scores)
    judged = metric == MAIN_METRIC
    return tuple(
        MethodScores(
            name,
            summary,
            seeds_of(test[name]),
            means[name],
            criteria(summary, versus[name]) if judged and name in versus else (),
        )
        for name, summary in zip(test, summaries, strict=True)
    )


def _task_types(table: ScoreTable, metric: str, other: str, higher: bool) -> tuple[TaskTypeEvidence, ...]:
    return by_task_type({kind: table.runs(metric, "test", kind) for kind in table.task_types}, other, higher)


def by_task_type(
    types: Mapping[str, Mapping[str, Runs]], other: str, higher_is_better: bool = True
) -> tuple[TaskTypeEvidence, ...]:
    """Every method against `other` within each task type; p is corrected over all methods and all types."""
    kinds = [kind for kind, runs in types.items() if other in runs]
    found = as_one_family([against(types[kind], other, higher_is_better=higher_is_better) for kind in kinds])
    return tuple(
        TaskTypeEvidence(kind, len({one for runs in types[kind].values() for run in runs.values() for one in run}), own)
        for kind, own in zip(kinds, found, strict=True)
    )


def _notes(
    table: ScoreTable,
    metric: str,
    higher: bool,
    test: Mapping[str, Runs],
    val: Mapping[str, Runs],
    versus: Sequence[Against],
    router: Routed | None,
) -> list[str]:
    notes = []
    n = len({persona for runs in test.values() for run in runs.values() for persona in run})
    if n < FEW_PERSONAS:
        personas = "1 persona" if n == 1 else f"{n} personas"
        notes.append(f"with only {personas} intervals and p values mean little; take {FEW_PERSONAS} or more")
    if metric not in METRICS:
        if higher:
            says = "higher is taken to be better; --lower-is-better says otherwise"
            notes.append(f"{metric} is no metric of the lab's: {says}")
    elif METRICS[metric].higher_is_better is None:
        notes.append(f"of {metric} neither more nor less is better: do not read what counts higher as better")
    if left_out := max(one.comparison.left_out for one in versus):
        says = "have a score on one side only, or under no seed of both, and are in no difference"
        notes.append(f"up to {left_out} of {n} personas {says}")
    if undefined := table.undefined(metric, "test"):
        says = f"of a persona's several lines, {undefined} have no {metric} under some method or seed"
        notes.append(f"{says}, and count for none")
    if router is None:
        other = versus[0].other
        without = "the file has" if not val else f"{other} has" if other not in val else "the others have"
        says = "so nothing may choose among methods: the oracle is a ceiling, not a result"
        notes.append(f"{without} no val scores, {says}")
    seeds = sorted({seed for runs in test.values() for seed in runs})
    if uneven := [f"{name} {', '.join(map(str, runs))}" for name, runs in test.items() if len(runs) < len(seeds)]:
        notes.append(f"not all have every seed ({'; '.join(uneven)}): two are compared in the seeds that both have")
    if all(len(runs) < 2 for runs in test.values()):
        notes.append("one seed: how much another training would move these numbers is not known")
    return notes


def as_json(found: Comparisons) -> dict[str, Any]:
    """The documented form of `lab compare --json`."""
    return asdict(found)
