"""Where the personas stand to each other: the clusters of a study, or how they behave where it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from lab.data.split import Split
from lab.data.types import Dataset, Dialogue
from lab.db.lineage import Origin, origins
from lab.db.queries import StudyRow
from lab.db.tables import State
from lab.methods.behaviour import behaviour_features
from lab.methods.cluster import project
from lab.report.document.left import read_clusters, readable
from lab.report.study_data import data_of

_VECTORS = "vectors.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class PersonaMap:
    """Personas on the first two principal components of the vectors they are clustered by.

    - `labels`: persona → cluster, the largest is 0; empty where there are no clusters;
    - `vectors`: [n, d], row i is that of persona i of `places`; empty where they are not kept.
    """

    title: str
    by: str  # description | behaviour
    methods: tuple[str, ...]  # that stand on it
    labels: Mapping[str, int]
    places: Mapping[str, tuple[float, float]]
    vectors: npt.NDArray[np.float64]

    def nearest(self, persona: str, n: int) -> list[tuple[str, float]]:
        """The n personas that are most alike, with their Euclidean distances; those that come first where equal."""
        names = list(self.places)
        if persona not in self.places or len(self.vectors) != len(names):
            return []
        own = self.vectors[names.index(persona)]
        distances = np.linalg.norm(self.vectors - own, axis=1)  # [n]
        order = [place for place in np.argsort(distances, kind="stable").tolist() if names[place] != persona]
        return [(names[place], float(distances[place])) for place in order[:n]]


def clusterings(study: StudyRow, missing: list[str]) -> list[PersonaMap]:
    """One for each clustering that a study has found; what cannot be read is told in `missing`."""
    jobs = [one for one in origins(study.id) if one.state == State.SUCCEEDED]
    return list(readable(jobs, "cluster", _clustering, missing))


def _clustering(jobs: Sequence[Origin], folder: Path) -> PersonaMap:
    found = read_clusters(jobs, folder)
    file = folder / _VECTORS
    vectors = load_file(file)["vectors"] if file.is_file() else np.zeros((0, 0))
    quality = "" if found.silhouette is None else f", silhouette {found.silhouette:.2f}"
    title = f"{found.k} clusters by {found.by} ({found.how}{quality})"
    return PersonaMap(title, found.by, found.methods, found.labels, found.places, vectors)


def behaviour_map(study: StudyRow) -> PersonaMap:
    """How the personas behave in their train dialogues, in the features that clusters by behaviour are found from."""
    data, split = data_of(study)
    features = behaviour_features(_train(data, split))
    if not features.names:
        return PersonaMap("all personas behave alike", "behaviour", (), {}, {}, np.zeros((0, 0)))
    plane = project(features.values)
    places = {persona: (float(x), float(y)) for persona, (x, y) in zip(features.personas, plane, strict=True)}
    return PersonaMap("by behaviour; this study has no clusters", "behaviour", (), {}, places, features.values)


def _train(data: Dataset, split: Split) -> dict[str, list[Dialogue]]:
    found = {}
    for one in data.personas:
        own = set(split.personas[one.persona_id].train)
        found[one.persona_id] = [dialogue for dialogue in data.of(one.persona_id) if dialogue.dialogue_id in own]
    return found
