"""The published numbers beside ours, and what differs between the two."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lab.report.document.words import NOTHING, difference, number, share, signed, summary
from lab.report.evidence import Evidence
from lab.report.results import Estimate, MethodResult

_FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True, slots=True)
class Published:
    """One method as it was published; several values where its documents disagree. Shares, not percent."""

    name: str  # ours
    theirs: str
    differs: str
    similarity: tuple[float, ...]
    device_precision: tuple[float, ...] = ()
    parameter_f1: tuple[float, ...] = ()
    numerical_precision: tuple[float, ...] = ()
    improved: tuple[float, ...] = ()
    minus_unified: tuple[float, ...] = ()  # where it is not that of the means: unified on other personas


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """Every published method that the lab has too."""
    return tuple(Published(**{key: _several(value) for key, value in row.items()}) for row in _content()["method"])


def general() -> tuple[str, ...]:
    """What differs in every row."""
    return tuple(_content()["general"])


def task_types() -> dict[str, float]:
    """Task type → the published 'accuracy' of unified, of which no definition is given."""
    return {row["name"]: row["accuracy"] for row in _content()["task_type"]}


def beside(evidence: Evidence) -> list[tuple[str, ...]]:
    """Rows: method, theirs; then there and here: similarity, difference from unified, share improved."""
    unified = next(one for one in published() if one.name == "unified")
    rows: list[tuple[str, ...]] = []
    for one in published():
        ours = evidence.method(one.name)
        if ours is None:
            continue
        versus = ours.versus.comparison if ours.versus else None
        rows.append(
            (
                one.name,
                one.theirs,
                written(one.similarity),
                summary(ours.summary),
                NOTHING if one is unified else _gaps(one, unified),
                NOTHING if versus is None else difference(versus),
                _shares(one.improved),
                NOTHING if versus is None else share(versus.improved),
            )
        )
    return rows


def differs(evidence: Evidence) -> tuple[str, ...]:
    """A sentence for each row of `beside`: what has to be known of the published number."""
    return tuple(f"{one.name} ({one.theirs}): {one.differs}." for one in published() if evidence.method(one.name))


def other_metrics(methods: list[MethodResult]) -> list[tuple[str, ...]]:
    """Rows: method, then there and here: device precision, parameter F1, numerical precision in two denominators."""
    ours = {method.name: method.metrics for method in methods}
    return [
        (
            one.name,
            written(one.device_precision),
            _mean(ours[one.name].get("device_precision")),
            written(one.parameter_f1),
            _mean(ours[one.name].get("parameter_f1")),
            written(one.numerical_precision),
            _mean(ours[one.name].get("numerical_precision")),
            _mean(ours[one.name].get("numerical_precision_as_published")),
        )
        for one in published()
        if one.device_precision and one.name in ours
    ]


def written(values: tuple[float, ...]) -> str:
    """`0.613 or 0.670`: documents of theirs that disagree."""
    return " or ".join(number(value) for value in values) or NOTHING


@lru_cache(maxsize=1)
def _content() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text("utf-8"))


def _several(value: Any) -> Any:
    """Numbers as a tuple, whether one was given or several."""
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, float) else value


def _gaps(one: Published, unified: Published) -> str:
    """Differences of the means as published; there is no paired one."""
    gaps = one.minus_unified or tuple(value - unified.similarity[0] for value in one.similarity)
    return " or ".join(map(signed, gaps))


def _shares(values: tuple[float, ...]) -> str:
    return " or ".join(f"{value:.1%}" for value in values) or NOTHING


def _mean(estimate: Estimate | None) -> str:
    return number(estimate.mean if estimate else None)
