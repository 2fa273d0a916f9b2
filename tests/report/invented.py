"""Evidence of a study that never was: scores drawn as a test wants them, statistics by the lab's own functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from lab.metrics.paired import Against, Runs, against, every_pair, family
from lab.metrics.selection import ceiling
from lab.metrics.statistics import summarise
from lab.report.controls import _verdict
from lab.report.criteria import criteria
from lab.report.evidence import (
    Check,
    ControlEvidence,
    Evidence,
    Leakage,
    LedgerRow,
    Look,
    Looks,
    MethodEvidence,
    MetricEvidence,
    TaskTypeEvidence,
)
from lab.report.results import Results

Scores = Mapping[str, Mapping[str, float]]


def drawn(
    gains: Mapping[str, float], n: int = 40, *, spread: float = 0.02, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Method → persona → score: a level of each persona's own, the method's gain over unified, and noise."""
    rng = np.random.default_rng(seed)
    personas = [f"persona_{number:03}" for number in range(n)]
    level = rng.normal(0.75, 0.05, n)
    found = {"unified": level} | {method: level + gain + rng.normal(0, spread, n) for method, gain in gains.items()}
    return {method: dict(zip(personas, values.tolist(), strict=True)) for method, values in found.items()}


def evidence(
    scores: Scores,
    *,
    controls: Mapping[str, str] | None = None,
    alike: Sequence[str] = (),
    notes: Sequence[str] = (),
    nll: Scores | None = None,
    drawn_controls: Sequence[str] = (),
) -> Evidence:
    """Evidence of these scores.

    Args:
        scores: method → persona → score.
        controls: method → its control, which is among the methods.
        alike: methods that serve every persona alike, so that nothing personal could be taken away.
        notes: as they stand in the evidence.
        drawn_controls: those of the controls that are drawn at random.
        nll: the scores in token NLL too, of which the lower is better.
    """
    controls = controls or {}
    runs = {method: {0: dict(personas)} for method, personas in scores.items()}
    versus = {one.method: one for one in against(runs, "unified")} if "unified" in scores else {}
    lower = {name: {0: dict(one)} for name, one in (nll or {}).items()}
    others = against(lower, "unified", higher_is_better=False) if lower else ()
    personas = {persona for table in scores.values() for persona in table}
    return Evidence(
        study="smart-home",
        study_digest="5" * 64,
        dataset="people",
        dataset_digest="d" * 64,
        base="smollm2-135m",
        split="test",
        metric="embedding_similarity",
        seeds=(0,),
        n_personas=len(personas),
        table=Results("smart-home", "people", "smollm2-135m", "test", []),
        scores=scores,
        methods=tuple(_method(name, scores, versus.get(name), name in controls.values()) for name in scores),
        pairs=every_pair(runs),
        task_types=(TaskTypeEvidence("simple", len(personas), tuple(versus.values())),),
        others=(MetricEvidence("token_nll", others, _controls(controls, alike, lower, others)),) if others else (),
        drawn=tuple(drawn_controls),
        controls=_controls(controls, alike, runs, tuple(versus.values())),
        ceiling=ceiling(scores, "unified") if "unified" in scores else None,
        looks=Looks((_look(tuple(scores)),), (), ()),
        leakage=Leakage((Check("split", "test is newer than train", ()),), 0.1, "No row can show what nobody wrote."),
        ledger=tuple(LedgerRow(name, 60.0, 1000, 0.0, 460_800, 0.25, 90.0, ()) for name in scores),
        notes=tuple(notes),
    )


def _look(methods: tuple[str, ...]) -> Look:
    return Look("smart-home", datetime(2026, 3, 4, tzinfo=UTC), "lab report", "p" * 64, methods, ())


def _method(name: str, scores: Scores, versus: Against | None, is_control: bool) -> MethodEvidence:
    summary = summarise(scores[name])
    met = criteria(summary, versus) if versus else ()
    return MethodEvidence(name, summary, None, versus, met, is_control, after_test=False)


def _controls(
    controls: Mapping[str, str], alike: Collection[str], runs: Mapping[str, Runs], versus: Iterable[Against]
) -> tuple[ControlEvidence, ...]:
    each = {one.method: one for one in versus}
    personal = [name for name in each if name not in controls.values() and name not in alike]
    return tuple(_control(name, controls.get(name, ""), runs, each) for name in personal)


def _control(method: str, control: str, runs: Mapping[str, Runs], versus: Mapping[str, Against]) -> ControlEvidence:
    claims = versus[method].gains
    higher = versus[method].higher_is_better
    personal = family([(method, control)], runs, higher_is_better=higher)[0] if control else None
    left = versus.get(control)
    return ControlEvidence(method, control, claims, personal, left, _verdict(claims, personal, left))


def leaky(one: Evidence, fault: str) -> Evidence:
    """The same, with a check against leakage that fails."""
    return replace(one, leakage=replace(one.leakage, checks=(Check("split", "x", (fault,)),)))
