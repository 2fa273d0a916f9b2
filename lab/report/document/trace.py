"""From every number back to the rows it was computed from: files, digests, and the means computed once more."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.db.lineage import Origin
from lab.errors import LabError
from lab.report.predictions import FILE, Prediction, read_predictions
from lab.store.artifacts import artifacts
from lab.store.manifest import MANIFEST_FILE, file_digest, parsed

_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Traced:
    """The predictions of one evaluation: where they lie, their digest, and whatever is wrong with them."""

    method: str
    seed: int
    job: int
    attempt: int
    path: str  # of the predictions, relative to the artifacts folder
    rows: int
    sha256: str  # of the file as it is now
    manifest: str  # sha256 of the artifact's manifest as the database has it
    faults: tuple[str, ...]


def evaluations(origins: Iterable[Origin], split: str) -> list[Origin]:
    """The jobs whose scores count on a split: finished, and no shards."""
    return [
        one
        for one in origins
        if one.does == "evaluate" and one.artifact and not one.is_shard and one.spec.get("split") == split
    ]


def trace(origin: Origin, scores: Mapping[str, float]) -> tuple[Traced, list[Prediction]]:
    """Read an evaluation's predictions, and check them against manifest, database and `scores`.

    `scores`: persona → embedding similarity as the database has it. What is missing or damaged is a fault of the
    result, not an error: the report is about it then.
    """
    path = f"{origin.artifact}/{FILE}"
    found: list[Prediction] = []
    sha256 = ""
    try:
        folder = artifacts().fetched(origin.artifact, origin.manifest)
        found = read_predictions(folder)
        sha256 = file_digest(folder / FILE)
        manifest = parsed((folder / MANIFEST_FILE).read_bytes(), f"{origin.artifact}/{MANIFEST_FILE}")
        faults = [*_digests(origin, sha256, manifest.digest, manifest.files.get(FILE, "")), *mismatches(found, scores)]
    except (LabError, OSError) as error:
        faults = [str(LabError.of(error))]
    told = [f"job {origin.job} ({origin.method}): {fault}" for fault in faults]
    return (
        Traced(
            origin.method,
            origin.seed,
            origin.job,
            origin.attempt,
            path,
            len(found),
            sha256,
            origin.manifest,
            tuple(told),
        ),
        found,
    )


def _digests(origin: Origin, sha256: str, manifest: str, listed: str) -> list[str]:
    faults = []
    if manifest != origin.manifest:
        faults.append("its manifest is not the one that was committed")
    if listed != sha256:
        faults.append(f"{FILE} is not what its manifest says")
    return faults


def mismatches(rows: Sequence[Prediction], scores: Mapping[str, float]) -> list[str]:
    """Personas whose score is not the mean similarity of their rows, told in one sentence."""
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        values[row.persona_id].append(row.similarity)
    means = {persona: math.fsum(found) / len(found) for persona, found in values.items()}
    wrong = sorted(
        persona
        for persona in means.keys() | scores.keys()
        if persona not in means or persona not in scores or abs(means[persona] - scores[persona]) > _CLOSE
    )
    return [f"the score of {len(wrong)} persona(s), such as {wrong[0]}, does not follow from its rows"] if wrong else []
