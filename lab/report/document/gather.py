"""Read what a report needs beside the statistics: jobs, clusters, routes, curves, predictions, machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.db.lineage import Origin, machines, origins
from lab.db.queries import StudyRow
from lab.db.scores import scores, task_types
from lab.db.tables import State
from lab.errors import LabError
from lab.methods.extend import stored
from lab.methods.spec import Study
from lab.report.document.left import disk, loaded, loss_curves, read_clusters, read_route, readable
from lab.report.document.trace import Traced, evaluations, trace
from lab.report.parts import ClusterMap, LossCurve, Route
from lab.report.people import Person, people
from lab.report.predictions import Prediction
from lab.report.results import MAIN_METRIC, REFERENCE


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the database and the artifacts of a study hold, as a report tells it."""

    study: StudyRow
    declared: Study
    origins: tuple[Origin, ...]
    people: dict[str, Person]
    clusters: tuple[ClusterMap, ...]
    routes: tuple[Route, ...]
    losses: tuple[LossCurve, ...]
    traced: tuple[Traced, ...]
    predictions: dict[str, list[Prediction]]  # method → rows of its first seed, of those asked for
    unified_types: dict[str, float]  # task type → mean similarity of unified over personas
    disk: dict[int, int]  # job → bytes of its artifact
    machines: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]
    loaded: tuple[str, ...]  # "smollm2-135m on cpu, bfloat16"
    missing: tuple[str, ...]  # sentences: what is not there yet, or cannot be read


def gather(study: StudyRow, split: str, shown: Sequence[str]) -> Gathered:
    """Everything; `shown` names the methods whose predictions are wanted. What cannot be read is told in `missing`."""
    jobs = tuple(origins(study.id))
    missing: list[str] = []
    traced, predictions = _predictions(study, jobs, split, shown)
    return Gathered(
        study,
        stored(study.spec),
        jobs,
        _people(study, missing),
        tuple(readable(jobs, "cluster", read_clusters, missing)),
        tuple(readable(jobs, "route", read_route, missing)),
        tuple(loss_curves(jobs)),
        tuple(traced),
        predictions,
        _unified_types(study, split),
        disk(jobs),
        tuple(machines()),
        tuple(loaded(jobs, study.base)),
        (*unfinished(study, jobs), *missing),
    )


def unfinished(study: StudyRow, jobs: Iterable[Origin]) -> list[str]:
    """What the study still has to do, and what failed, a sentence each."""
    told = []
    left = study.n_jobs - study.counts.get(State.SUCCEEDED, 0)
    if left:
        states = Counter(str(state).lower() for state, n in study.counts.items() for _ in range(n))
        states.pop("succeeded", None)
        what = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        told.append(f"{left} of {study.n_jobs} jobs are not done ({what}); this report holds what is there.")
    failed = {one.job: one for one in jobs if one.state in (State.FAILED, State.DEAD)}
    told += [f"Job {one.job} ({one.kind} {one.method}) failed: {one.error}" for one in failed.values()]
    return told


# ---------------------------------------------------------------- predictions


def _predictions(
    study: StudyRow, jobs: Sequence[Origin], split: str, shown: Sequence[str]
) -> tuple[list[Traced], dict[str, list[Prediction]]]:
    known: dict[tuple[str, int], dict[str, float]] = {}
    for row in scores(study.id, split, metric=MAIN_METRIC):
        known.setdefault((row.method, row.seed), {})[row.persona_id] = row.value
    traced: list[Traced] = []
    kept: dict[str, list[Prediction]] = {}
    for one in evaluations(jobs, split):
        told, rows = trace(one, known.get((one.method, one.seed), {}))
        traced.append(told)
        if one.method in shown:
            kept.setdefault(one.method, rows)
    return traced, kept


def _unified_types(study: StudyRow, split: str) -> dict[str, float]:
    found = {}
    for kind in task_types(study.id, split):
        rows = scores(study.id, split, task_type=kind, metric=MAIN_METRIC)
        values = [row.value for row in rows if row.method == REFERENCE]
        if values:
            found[kind] = sum(values) / len(values)
    return found


def _people(study: StudyRow, missing: list[str]) -> dict[str, Person]:
    try:
        return {one.persona_id: one for one in people(study)}
    except (LabError, OSError) as error:
        missing.append(f"The personas' descriptions cannot be read: {LabError.of(error)}")
        return {}
