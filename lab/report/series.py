"""Learning curves from several studies that differ in one number: dialogues for each persona, or the base's size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from lab.db.queries import StudyRow, get_dataset, list_studies
from lab.db.scores import evaluated
from lab.errors import LabError
from lab.methods.base_shape import shape_of
from lab.metrics.curves import curves
from lab.metrics.paired import over_seeds
from lab.report.evidence import CurveEvidence
from lab.report.looks import TEST, looked
from lab.report.results import MAIN_METRIC, REFERENCE, runs_of

Over = Literal["dialogues", "base"]
_FREE = {"name", "methods", "evaluate", "seeds"}  # in which studies of one curve may differ besides
_SIZE = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)\s*([bm])(?![a-z0-9])", re.IGNORECASE)
_NOTES = {
    "dialogues": (
        "Dialogues are the oldest so many of each persona, of which the study's share trains; so the test dialogues of "
        "one point are not those of another, and only differences from unified compare like with like."
    ),
    "base": "Sizes are parameters of the base model, in thousands of millions.",
}


def curves_with(study: StudyRow, split: str = TEST, *, by: str = "lab report") -> tuple[CurveEvidence, ...]:
    """The curves on which a study is a point, with all studies of this lab that are others; () where there are none."""
    found = []
    for over in ("dialogues", "base"):
        others = [one for one in list_studies() if one.name == study.name or _alike(one, study, over)]
        points = [one for one in others if size_of(one, over) is not None and _evaluated(one, split)]
        sizes = {size_of(one, over): one for one in reversed(points)}  # the newest of one size
        own = size_of(study, over)
        if own in sizes:
            sizes[own] = study
            if len(sizes) > 1:
                found.append(curve_of(list(sizes.values()), over, split, by=by))
    return tuple(found)


def curve_of(studies: Sequence[StudyRow], over: Over, split: str = TEST, *, by: str = "lab report") -> CurveEvidence:
    """One curve through these studies, which `by` reads.

    Raises:
        LabError: they differ in more than `over`, have no size or the same, or share no method.
    """
    sizes: dict[float, StudyRow] = {}
    for one in studies:
        if one.id != studies[0].id and not _alike(one, studies[0], over):
            raise LabError(
                f"learning curve: studies '{studies[0].name}' and '{one.name}' differ in more than {over}; take "
                "studies of the same data, split and settings."
            )
        size = size_of(one, over)
        if size is None:
            raise LabError(f"learning curve: how large the base of study '{one.name}' is cannot be told; leave it out.")
        if size in sizes:
            raise LabError(f"learning curve: studies '{sizes[size].name}' and '{one.name}' are of one size; take one.")
        sizes[size] = one
    for one in studies:
        looked(one, split, by)
    series = {x: _scores(sizes[x], split) for x in sorted(sizes)}
    return CurveEvidence(over, tuple(sizes[x].name for x in sorted(sizes)), curves(series, REFERENCE), (_NOTES[over],))


def size_of(study: StudyRow, over: Over) -> float | None:
    """Where a study stands: dialogues of each persona (their mean), or thousands of millions of parameters."""
    if over == "base":
        return base_size(study.base)
    data = get_dataset(study.dataset)
    most = data.n_dialogues / max(data.n_personas, 1)
    return float(min(study.spec["dialogues"] or most, most))


def base_size(base: str) -> float | None:
    """Of a model that tells it in its name, as `smollm2-135m` (0.135) does, or in its config.json; else None."""
    told = _SIZE.findall(Path(base).name)
    if told:
        number, unit = told[-1]
        return float(number) / (1000 if unit in "mM" else 1)
    try:
        config: Any = orjson.loads((Path(base) / "config.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    shape = shape_of(config) if isinstance(config, dict) else None
    return shape.parameters / 1e9 if shape else None


def _alike(one: StudyRow, other: StudyRow, over: Over) -> bool:
    """Whether two studies differ in nothing that decides a score but `over`."""
    free = _FREE | {over}
    mine, its = ({key: value for key, value in row.spec.items() if key not in free} for row in (one, other))
    # A data set is known by its digest, whatever it was called.
    return one.dataset == other.dataset and mine | {"data": ""} == its | {"data": ""}


def _evaluated(study: StudyRow, split: str) -> bool:
    return REFERENCE in _scores(study, split)


def _scores(study: StudyRow, split: str) -> dict[str, dict[str, float]]:
    """Method → persona → score, averaged over seeds."""
    runs = runs_of(evaluated(study.id, split, metric=MAIN_METRIC), study.spec["methods"])
    return {name: over_seeds(one) for name, one in runs.items()}
