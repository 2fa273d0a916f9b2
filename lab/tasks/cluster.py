"""Find clusters of personas, from their descriptions or from what their train dialogues show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from lab.errors import LabError
from lab.methods.behaviour import Features, Scaling, behaviour_features, placed_features
from lab.methods.cluster import Clustering, cluster, join, project
from lab.methods.declare import Cluster
from lab.methods.features import Column, Family
from lab.tasks import warm
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material
from lab.tasks.messages import Done

_FILE, _VECTORS = "clusters.json", "vectors.safetensors"


@dataclass(frozen=True)
class Clusters:
    """What a cluster job found: the clustering, and the personas' vectors [n, d] that it was found from."""

    personas: tuple[str, ...]
    clustering: Clustering
    vectors: NDArray[np.float64]
    by: str = "description"
    scaling: Scaling | None = None  # by behaviour: what the vectors were made with

    def members(self) -> dict[int, list[str]]:
        """Cluster → its personas."""
        found: dict[int, list[str]] = {}
        for persona in self.personas:
            found.setdefault(self.clustering.labels[persona], []).append(persona)
        return dict(sorted(found.items()))

    def with_one(self, newcomer: str, vector: NDArray[np.float64]) -> Clusters:
        """The same with one persona more, in the cluster that it is nearest to."""
        clustering = join(self.clustering, self.personas, self.vectors, newcomer, vector)
        return replace(
            self,
            personas=(*self.personas, newcomer),
            clustering=clustering,
            vectors=np.vstack([self.vectors, vector]),
        )


def run(context: JobContext) -> Done:
    """Cluster; the artifact holds `clusters.json` and the vectors."""
    given, how = material(context), Cluster(**context.spec["cluster"])
    personas = tuple(given.personas)
    features = _behaviour(given) if how.by == "behaviour" else None
    vectors = features.values if features else _descriptions(context, given)
    found = cluster(personas, vectors, how.how, k=how.k, seed=context.spec["seed"])
    content = asdict(found) | {"by": how.by, "personas": personas, "map": project(vectors).tolist()}
    content |= {"scaling": asdict(features.scaling)} if features else {}
    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    (context.folder / _FILE).write_bytes(orjson.dumps(content, option=option))
    save_file({"vectors": vectors}, context.folder / _VECTORS)
    quality = "" if found.silhouette is None else f", silhouette {found.silhouette:.3f}"
    context.log(f"{found.k} clusters of {len(personas)} personas by {how.by}{quality}")
    return Done(
        "", {"k": found.k, "silhouette": found.silhouette, "tried": {str(k): s for k, s in found.tried.items()}}
    )


def read_clusters(folder: Path) -> Clusters:
    """What `run` wrote.

    Raises:
        LabError: it is missing or damaged.
    """
    try:
        content = orjson.loads((folder / _FILE).read_bytes())
        vectors = load_file(folder / _VECTORS)["vectors"]
        content["tried"] = {int(k): value for k, value in content["tried"].items()}
        fields = {name: content[name] for name in Clustering.__dataclass_fields__}
        scaling = _scaling(content["scaling"]) if "scaling" in content else None
        return Clusters(tuple(content["personas"]), Clustering(**fields), vectors, content["by"], scaling)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{folder}: these are not clusters ({error}); run their job again with `lab retry`.") from None


def _scaling(content: dict[str, Any]) -> Scaling:
    families = (
        Family(one["name"], one["scale"], tuple(Column(**column) for column in one["columns"]))
        for one in content["families"]
    )
    return Scaling(content["of_devices"], tuple(families))


def all_alike(personas: Sequence[str]) -> Clusters:
    """One cluster of everybody, and nobody nearer to one than to another."""
    same = Clustering("kmeans", 1, dict.fromkeys(personas, 0), None, {}, dict.fromkeys(personas, 1.0))
    return Clusters(tuple(personas), same, np.zeros((len(personas), 1)))


def with_newcomers(context: JobContext, given: Material, folder: Path) -> dict[str, Clusters]:
    """Each persona of `given`, who all came later, alone among the clusters in `folder`.

    Raises:
        LabError: nothing tells where a persona belongs.
    """
    clusters = read_clusters(folder)
    vectors = _by_behaviour(given, clusters) if clusters.by == "behaviour" else _by_description(context, given)
    found = {persona: clusters.with_one(persona, vector) for persona, vector in vectors.items()}
    for persona, one in found.items():
        context.log(f"{persona} is nearest to cluster {one.clustering.labels[persona]} of {one.clustering.k}")
    return found


def _by_behaviour(given: Material, clusters: Clusters) -> dict[str, NDArray[np.float64]]:
    if clusters.scaling is None:
        raise LabError(
            "these clusters are from an earlier version of the lab, which did not keep how behaviour was measured, so "
            "nobody can join them; leave out the methods that stand on them."
        )
    return {p: placed_features(clusters.scaling, given.dialogues(p, "train")) for p in given.personas}


def _by_description(context: JobContext, given: Material) -> dict[str, NDArray[np.float64]]:
    silent = next((one.persona_id for one in given.dataset.personas if not one.description), None)
    if silent is not None:
        raise LabError(
            f"persona {silent} has no description, by which its cluster is found; add one, or leave out the methods "
            "that stand on clusters of descriptions."
        )
    return dict(zip(given.personas, _descriptions(context, given), strict=True))


def _behaviour(given: Material) -> Features:
    features = behaviour_features({persona: given.dialogues(persona, "train") for persona in given.personas})
    if not features.names:
        raise LabError("all personas behave alike as far as can be seen; cluster them by = 'description'.")
    return features


def _descriptions(context: JobContext, given: Material) -> NDArray[np.float64]:
    texts = [persona.description for persona in given.dataset.personas]
    if not any(texts):
        raise LabError("the personas of this data set have no descriptions; cluster them by = 'behaviour'.")
    return np.asarray(warm.embedder(context).encode(texts), dtype=np.float64)
