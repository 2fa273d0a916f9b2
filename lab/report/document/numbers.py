"""Every number of a report as data: JSON of all of it, and tables of scores, pairs and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from lab.db.lineage import Origin
from lab.db.scores import ScoreRow
from lab.metrics.paired import Against
from lab.report.csv_text import csv_text
from lab.report.document.gather import Gathered
from lab.report.document.published import general, published
from lab.report.document.sections.costs import prices
from lab.report.document.sections.remake import versions
from lab.report.document.summary import summarised
from lab.report.document.trace import Traced
from lab.report.evidence import CurveEvidence, Evidence

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE


def data_json(evidence: Evidence, gathered: Gathered, curves: Sequence[CurveEvidence]) -> bytes:
    """All of it; what cannot be known is null."""
    content: dict[str, Any] = {
        "summary": [asdict(one) for one in summarised(evidence)],
        "missing": list(gathered.missing),
        "evidence": asdict(evidence),
        "learning_curves": [asdict(one) for one in curves],
        "clusters": [asdict(one) for one in gathered.clusters],
        "routes": [asdict(one) for one in gathered.routes],
        "losses": [asdict(one) for one in gathered.losses],
        "prices": [asdict(one) for one in prices(evidence)],
        "disk": gathered.disk,
        "unified_by_task_type": gathered.unified_types,
        "published": {"general": general(), "methods": [asdict(one) for one in published()]},
        "predictions": [asdict(one) for one in gathered.traced],
        "jobs": [_job(one) for one in gathered.origins],
        "machines": gathered.machines,
        "loaded": gathered.loaded,
        "versions": dict(versions()),
        "study": gathered.declared.model_dump(mode="json"),
    }
    return orjson.dumps(content, option=_OPTIONS)


def scores_csv(rows: Iterable[ScoreRow], jobs: Mapping[tuple[str, int], int]) -> str:
    """A line for each persona, metric, task type and seed; the job names the predictions it was computed from."""
    lines = sorted(
        (row.method, row.seed, row.persona_id, row.task_type, row.metric, repr(row.value), row.n) for row in rows
    )
    titles = ("method", "seed", "persona_id", "task_type", "metric", "value", "n", "job")
    return csv_text(titles, [(*line, jobs.get(line[:2], "")) for line in lines])


def predictions_csv(traced: Iterable[Traced]) -> str:
    """A line for each evaluation."""
    titles = ("method", "seed", "job", "attempt", "path", "rows", "sha256", "manifest", "faults")
    lines = [(*(getattr(one, title) for title in titles[:-1]), "; ".join(one.faults)) for one in traced]
    return csv_text(titles, lines)


def pairs_csv(pairs: Iterable[Against]) -> str:
    """A line for any two methods."""
    titles = ("method", "other", "n", "difference", "low", "high", "p", "p_holm", "wilcoxon_p", "wilcoxon_p_holm",
              "effect_size", "improved", "detectable")  # fmt: skip
    return csv_text(titles, [_pair(one) for one in pairs])


def _pair(one: Against) -> tuple[object, ...]:
    found = one.comparison
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return (
        one.method, one.other, found.n, found.difference, low, high, found.t_p, one.p_holm, found.wilcoxon_p,
        one.wilcoxon_p_holm, found.effect_size, found.improved, found.detectable,
    )  # fmt: skip


def _job(one: Origin) -> dict[str, Any]:
    return {
        "job": one.job, "method": one.method, "kind": one.kind, "seed": one.seed, "state": one.state,
        "attempt": one.attempt, "artifact": one.artifact, "manifest": one.manifest, "device": one.device,
        "started_at": one.started_at, "finished_at": one.finished_at, "result": one.result,
    }  # fmt: skip
