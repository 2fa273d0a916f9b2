"""What the evaluations of a study found, and what its methods cost: plain, frozen rows."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from lab.db.engine import reading
from lab.db.made import seconds_of
from lab.db.tables import Job, Score, State, StudyJob


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One persona's value of one metric under one method."""

    method: str
    persona_id: str
    task_type: str
    metric: str
    value: float
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation found: metric → persona → value."""

    method: str
    seed: int
    scores: Mapping[str, Mapping[str, float]]


def scores(study: int, split: str, *, task_type: str = "", metric: str | None = None) -> list[ScoreRow]:
    """The scores of a study on one split, of one task type ("" is over all types) and of one metric or of each."""
    with reading() as session:
        return [
            ScoreRow(method, persona, task_type, name, value, n, spec["seed"])
            for method, job, spec, _ in _evaluations(session, study, split)
            for persona, name, value, n in session.execute(_wanted(job, task_type, metric).add_columns(col(Score.n)))
        ]


def evaluated(study: int, split: str, *, task_type: str = "", metric: str | None = None) -> list[Evaluated]:
    """The same, by evaluation and the oldest first: of a hundred thousand scores it costs a fraction of their rows."""
    found: list[Evaluated] = []
    with reading() as session:
        for method, job, spec, _ in _evaluations(session, study, split):
            own: defaultdict[str, dict[str, float]] = defaultdict(dict)
            for persona, name, value in session.execute(_wanted(job, task_type, metric)):
                own[name][persona] = value
            if own:
                found.append(Evaluated(method, spec["seed"], dict(own)))
    return found


def _wanted(job: int, task_type: str, metric: str | None) -> Select[str, str, float]:
    """Persona, metric and value of each score of an evaluation: plain columns, as there may be very many."""
    of_job = columns_of(col(Score.persona_id), col(Score.metric), col(Score.value)).where(
        col(Score.job) == job, col(Score.task_type) == task_type
    )
    return of_job if metric is None else of_job.where(col(Score.metric) == metric)


def means(study: int, split: str, metric: str) -> dict[str, dict[int, float]]:
    """Method → seed → its mean over personas; only where something was to be measured."""
    found: dict[str, dict[int, float]] = {}
    with reading() as session:
        evaluated = {job: (method, spec["seed"]) for method, job, spec, _ in _evaluations(session, study, split)}
        wanted = (
            select(Score.job, func.avg(Score.value))
            .where(col(Score.job).in_(evaluated), Score.task_type == "", Score.metric == metric, Score.n > 0)
            .group_by(col(Score.job))
        )
        for job, mean in session.exec(wanted):
            if mean is not None and math.isfinite(mean):
                method, seed = evaluated[job]
                found.setdefault(method, {})[seed] = mean
    return found


def evaluations(study: int, split: str) -> dict[str, str]:
    """Method → artifact folder of its finished evaluation, which holds predictions.jsonl."""
    with reading() as session:
        return {method: artifact for method, _, _, artifact in _evaluations(session, study, split) if artifact}


def _evaluations(session: Session, study: int, split: str) -> list[tuple[str, int, Mapping[str, Any], str | None]]:
    """(method, job, spec, artifact) of the finished evaluations on a split, oldest first."""
    wanted = (
        select(StudyJob.method, col(Job.id), Job.spec, Job.artifact)
        .join(Job, col(Job.id) == StudyJob.job)
        .where(StudyJob.study == study, Job.state == State.SUCCEEDED, col(Job.kind).in_(("evaluate", "join")))
        .order_by(col(Job.id))
    )
    return [
        (method, job or 0, spec, artifact)
        for method, job, spec, artifact in session.exec(wanted)
        if "shard" not in spec and spec.get("split") == split
    ]


def costs(study: int, split: str) -> dict[str, dict[str, Any]]:
    """Method → what its jobs said they cost: train_seconds, parameters, seconds_per_answer.

    The first is of all that was made for it, learned starts and written text too, and the mean over seeds.
    """
    with reading() as session:
        wanted = (
            select(StudyJob.method, Job.kind, Job.spec, Job.result)
            .join(Job, col(Job.id) == StudyJob.job)
            .where(StudyJob.study == study, Job.state == State.SUCCEEDED)
        )
        found: dict[str, dict[str, Any]] = {}
        made: dict[str, dict[int, float]] = {}
        for method, kind, spec, result in session.exec(wanted):
            cost = found.setdefault(method, {"train_seconds": None, "parameters": None, "seconds_per_answer": None})
            if result is None:
                continue
            if "shard" in spec:  # its join tells what all of them cost
                continue
            does = spec.get("joins", kind)
            if (seconds := seconds_of(does, result)) is not None:
                by_seed, seed = made.setdefault(method, {}), spec.get("seed", 0)
                by_seed[seed] = by_seed.get(seed, 0.0) + seconds
                cost["train_seconds"] = fmean(by_seed.values())
                cost["parameters"] = result.get("parameters", cost["parameters"])
            elif does == "evaluate" and spec["split"] == split:
                cost["seconds_per_answer"] = result["seconds_per_answer"]
        return found


def sweeps(study: int) -> dict[str, list[tuple[int, list[dict[str, Any]]]]]:
    """Method → (seed, all settings tried with their val_loss, the best first) of each training that swept."""
    with reading() as session:
        wanted = (
            select(StudyJob.method, Job.spec, Job.result)
            .join(Job, col(Job.id) == StudyJob.job)
            .where(StudyJob.study == study, Job.state == State.SUCCEEDED, Job.kind == "train")
            .order_by(col(Job.id))
        )
        found: dict[str, list[tuple[int, list[dict[str, Any]]]]] = {}
        for method, spec, result in session.exec(wanted):
            if result and result.get("sweep"):
                found.setdefault(method, []).append((spec["seed"], result["sweep"]))
        return found


def evaluated_splits(study: int) -> dict[str, int]:
    """Split that a study evaluates → how many methods on it, whether or not it has come to it."""
    with reading() as session:
        wanted = select(StudyJob.method, Job.spec).join(StudyJob, col(Job.id) == StudyJob.job)
        jobs = session.exec(wanted.where(StudyJob.study == study, Job.kind == "evaluate")).all()
        methods = Counter(split for _, split in {(method, spec["split"]) for method, spec in jobs})
        return {split: methods[split] for split in ("train", "val", "test") if split in methods}


def seeds_planned(study: int, split: str) -> dict[str, list[int]]:
    """Method → the seeds in which a study evaluates it on a split, whether or not it has come to it."""
    with reading() as session:
        wanted = select(StudyJob.method, Job.spec).join(Job, col(Job.id) == StudyJob.job).order_by(col(Job.id))
        jobs = session.exec(wanted.where(StudyJob.study == study, col(Job.kind).in_(("evaluate", "join"))))
        return _by_method((method, spec["seed"]) for method, spec in jobs if spec.get("split") == split)


def seeds_evaluated(study: int, split: str) -> dict[str, list[int]]:
    """Method → the seeds of those evaluations that are finished."""
    with reading() as session:
        return _by_method((method, spec["seed"]) for method, _, spec, _ in _evaluations(session, study, split))


def _by_method(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for method, seed in dict.fromkeys(pairs):
        found.setdefault(method, []).append(seed)
    return found


def task_types(study: int, split: str) -> list[str]:
    """The task types that a study has scores of on a split, by name."""
    with reading() as session:
        evaluated = {job for _, job, _, _ in _evaluations(session, study, split)}
        wanted = select(Score.task_type).where(col(Score.job).in_(evaluated), Score.task_type != "").distinct()
        return sorted(session.exec(wanted))
