"""All evidence on a study, put together from its rows, its data and what its jobs left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import orjson

from lab.db.lineage import origins
from lab.db.queries import StudyRow
from lab.db.scores import Evaluated, evaluated, task_types
from lab.errors import LabError
from lab.methods.extend import stored
from lab.methods.method import Method
from lab.methods.spec import Study
from lab.metrics.aggregate import METRICS
from lab.metrics.paired import Against, Runs, against, every_pair, over_seeds, seeds_of
from lab.metrics.selection import Ceiling, ceiling
from lab.metrics.statistics import summarise_many
from lab.report.compare import by_task_type
from lab.report.controls import is_control, is_drawn, weigh
from lab.report.criteria import criteria
from lab.report.evidence import Evidence, MethodEvidence, MetricEvidence
from lab.report.leakage import leakage
from lab.report.ledger import ledger
from lab.report.looks import TEST, Looks, looks_at
from lab.report.results import MAIN_METRIC, REFERENCE, Results, runs_of, tabulated
from lab.report.unfinished import no_scores

OTHERS = ("token_nll", "parameter_f1")
"""What is tested beside the main metric: how likely the reference is to the model, and what it would set."""


def evidence_of(study: StudyRow, split: str = TEST, *, by: str = "lab report") -> Evidence:
    """Everything that a report says of what is evaluated so far, in embedding similarity; `by` reads it.

    Raises:
        LabError: nothing is evaluated on this split yet, or the study's data are gone.
    """
    found = evaluated(study.id, split)
    table = tabulated(study, split, found, by=by)
    if not table.methods:
        raise LabError(no_scores(study, split))
    spec = stored(study.spec)
    declared = spec.declared()
    order = [method.name for method in table.methods]
    runs = runs_of(found, order)
    versus = {one.method: one for one in against(runs, REFERENCE)} if REFERENCE in runs else {}
    looks = table.looks or looks_at(study)
    seeds = tuple(sorted({seed for one in runs.values() for seed in one}))
    return Evidence(
        study=study.name,
        study_digest=study_digest(spec),
        dataset=study.dataset_name,
        dataset_digest=study.dataset,
        base=study.base,
        split=split,
        metric=MAIN_METRIC,
        seeds=seeds,
        n_personas=table.n_personas,
        table=table,
        scores={name: over_seeds(one) for name, one in runs.items()},
        methods=_methods(runs, versus, declared, looks if split == TEST else None),
        pairs=every_pair(runs),
        task_types=by_task_type(_by_type(study, split, order), REFERENCE),
        others=tuple(_others(found, order, declared)),
        drawn=tuple(name for name in order if is_drawn(declared[name])),
        controls=weigh(runs, declared, versus, REFERENCE),
        ceiling=ceiling_of(runs, declared),
        looks=looks,
        leakage=leakage(study, spec),
        ledger=ledger(origins(study.id), order, declared, split),
        notes=tuple(_notes(table, runs, seeds)),
    )


def study_digest(study: Study) -> str:
    """sha256 of what a study declares: whoever has a study of this digest and its data has the same numbers."""
    content = study.model_dump(mode="json", exclude={"name", "data"})
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _by_type(study: StudyRow, split: str, order: Sequence[str]) -> dict[str, dict[str, Runs]]:
    kinds = task_types(study.id, split)
    return {kind: runs_of(evaluated(study.id, split, metric=MAIN_METRIC, task_type=kind), order) for kind in kinds}


def _others(
    found: Sequence[Evaluated], order: Sequence[str], declared: Mapping[str, Method]
) -> Iterator[MetricEvidence]:
    for metric in OTHERS:
        runs = runs_of(found, order, metric)
        if REFERENCE in runs and len(runs) > 1:
            higher = METRICS[metric].higher_is_better is not False
            versus = against(runs, REFERENCE, higher_is_better=higher)
            each = {one.method: one for one in versus}
            yield MetricEvidence(metric, versus, weigh(runs, declared, each, REFERENCE, higher_is_better=higher))


def _methods(
    runs: Mapping[str, Runs], versus: Mapping[str, Against], declared: Mapping[str, Method], looks: Looks | None
) -> tuple[MethodEvidence, ...]:
    summaries = summarise_many([(over_seeds(one), True) for one in runs.values()])
    return tuple(
        MethodEvidence(
            name=name,
            summary=summary,
            seeds=seeds_of(runs[name]),
            versus=versus.get(name),
            criteria=criteria(summary, versus[name]) if name in versus else (),
            is_control=is_control(declared[name]),
            after_test=looks is not None and name in looks.after_test,
        )
        for name, summary in zip(runs, summaries, strict=True)
    )


def ceiling_of(
    runs: Mapping[str, Runs], declared: Mapping[str, Method], *, higher_is_better: bool = True
) -> Ceiling | None:
    """The oracle over all methods but controls; None without unified, or where the methods share no persona."""
    own = {name: over_seeds(one) for name, one in runs.items() if not is_control(declared[name])}
    if REFERENCE not in own or not set.intersection(*(set(one) for one in own.values())):
        return None
    return ceiling(own, REFERENCE, higher_is_better=higher_is_better)


def _notes(table: Results, runs: Mapping[str, Runs], seeds: Sequence[int]) -> Iterator[str]:
    if table.note:
        yield table.note.removeprefix("note: ")
    if len(seeds) < 2:
        yield (
            "one seed: how much another training would move these numbers is not known, and intervals over personas do "
            "not contain it"
        )
    if REFERENCE not in runs:
        yield f"the study has no '{REFERENCE}', so nothing is compared with it"
    if incomplete := [name for name, one in runs.items() if len(over_seeds(one)) < table.n_personas]:
        yield f"not all personas have scores under {', '.join(incomplete)}; comparisons are over those that have"
