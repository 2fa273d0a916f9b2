"""Find clusters of personas, from their descriptions or from what their train dialogues show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from lab.errors import LabError
from lab.methods.behaviour import behaviour_features
from lab.methods.cluster import Clustering, cluster, project
from lab.methods.declare import Cluster
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

    def members(self) -> dict[int, list[str]]:
        """Cluster → its personas."""
        found: dict[int, list[str]] = {}
        for persona in self.personas:
            found.setdefault(self.clustering.labels[persona], []).append(persona)
        return dict(sorted(found.items()))


def run(context: JobContext) -> Done:
    """Cluster; the artifact holds `clusters.json` and the vectors."""
    given, how = material(context), Cluster(**context.spec["cluster"])
    personas = tuple(given.personas)
    vectors = _behaviour(given) if how.by == "behaviour" else _descriptions(context, given)
    found = cluster(personas, vectors, how.how, k=how.k, seed=context.spec["seed"])
    content = asdict(found) | {"by": how.by, "personas": personas, "map": project(vectors).tolist()}
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
        return Clusters(tuple(content["personas"]), Clustering(**fields), vectors)
    except (OSError, ValueError, KeyError) as error:
        raise LabError(f"{folder}: these are not clusters ({error}); run their job again with `lab retry`.") from None


def _behaviour(given: Material) -> NDArray[np.float64]:
    features = behaviour_features({persona: given.dialogues(persona, "train") for persona in given.personas})
    if not features.names:
        raise LabError("all personas behave alike as far as can be seen; cluster them by = 'description'.")
    return features.values


def _descriptions(context: JobContext, given: Material) -> NDArray[np.float64]:
    texts = [persona.description for persona in given.dataset.personas]
    if not any(texts):
        raise LabError("the personas of this data set have no descriptions; cluster them by = 'behaviour'.")
    return np.asarray(warm.embedder(context).encode(texts), dtype=np.float64)
