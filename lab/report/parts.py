"""What jobs left beside scores, as a report draws it: clusters, routes, curves, retrieval's k, costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from lab.metrics.statistics import Summary


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """One clustering: persona → cluster and place on a plane; silhouette, also of every k that was tried."""

    job: int
    by: str  # description | behaviour
    how: str
    k: int
    silhouette: float | None
    tried: Mapping[int, float]
    labels: Mapping[str, int]
    places: Mapping[str, tuple[float, float]]
    methods: tuple[str, ...]  # that stand on it

    @property
    def sizes(self) -> list[int]:
        """Personas in each cluster, in the order of the clusters."""
        counted = Counter(self.labels.values())
        return [counted[label] for label in sorted(counted)]


@dataclass(frozen=True, slots=True)
class Gain:
    """What a router thought a candidate adds for a persona on val; `sd` is None where it was predicted."""

    gain: float
    sd: float | None


@dataclass(frozen=True, slots=True)
class Route:
    """What a router decided: persona → method, and persona → candidate → gain on val (empty where not judged)."""

    job: int
    method: str
    how: str
    among: tuple[str, ...]
    chosen: Mapping[str, str]
    gains: Mapping[str, Mapping[str, Gain]]
    note: str

    @property
    def counts(self) -> dict[str, int]:
        """Method → how many personas it serves, in the order of `among`."""
        counted = Counter(self.chosen.values())
        return {method: counted[method] for method in self.among}


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The mean over groups of one training's losses: (step, NLL per token) of train and val."""

    job: int
    method: str
    seed: int
    train: tuple[tuple[int, float], ...]
    val: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class RetrievalCurve:
    """Methods that differ in retrieval's k alone: (k, method, its summary), by k."""

    name: str
    points: tuple[tuple[int, str, Summary], ...]


@dataclass(frozen=True, slots=True)
class Price:
    """A method's quality and what it cost with all that it stands on; None where that is not known."""

    method: str
    summary: Summary
    train_seconds: float | None
    parameters: int | None
    seconds_per_answer: float | None
