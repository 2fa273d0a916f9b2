"""Clusters of personas from one vector each: description embeddings or behaviour features.

Distances are Euclidean, which for embeddings of unit length orders pairs as their cosine does. The personas are
sorted by name before anything is computed, so the answer depends on the vectors and the seed alone, never on the
order in which the personas arrived. scikit-learn is imported inside the functions that need it, because it is slow
to load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from lab.errors import LabError

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
How = Literal["kmeans", "agglomerative", "dbscan"]

# The shares of personas that may be noise to DBSCAN, least first.
_NOISE_SHARES = tuple(step / 20 for step in range(11))
# A length this small beside the greatest is zero but for rounding.
_VANISHING = 1e-9


@dataclass(frozen=True, slots=True)
class Clustering:
    """Which personas belong together.

    - `labels`: persona → cluster, 0 … k−1 by size, the largest first, then by the cluster's first persona;
    - `silhouette`: mean silhouette in [−1, 1]; None where it is not defined (k = 1 or k = n);
    - `tried`: k → silhouette, for every k that was compared (DBSCAN: the best of each k it came to);
    - `centrality`: cosine of a persona's vector and its cluster's mean vector, negative ones as 0; 1 for every
      member where that mean is zero, for then none is nearer to it than another;
    - `noise`: how many personas DBSCAN called noise before they joined the cluster of their nearest neighbour.
    """

    how: How
    k: int
    labels: dict[str, int]
    silhouette: float | None
    tried: dict[int, float]
    centrality: dict[str, float]
    noise: int = 0


class _Found(NamedTuple):
    """One way to part the personas: labels [n] as the algorithm numbers them."""

    labels: Labels
    noise: int = 0


def cluster(
    personas: Sequence[str],
    vectors: npt.ArrayLike,
    how: How,
    *,
    k: int | None = None,
    k_range: tuple[int, int] = (5, 25),
    seed: int = 0,
) -> Clustering:
    """Cluster personas by their vectors [n, d], row i being that of persona i.

    `kmeans` is the best of 10 k-means++ starts drawn from `seed`; `agglomerative` merges by Ward's criterion. Without
    `k` they take the k of the highest mean silhouette (Rousseeuw 1987) in `k_range`, both ends included and brought
    into 2 … n−1; the smaller k where two are equal. `dbscan` finds its own k and takes none: it tries the distances
    at which 0 … 50% of the personas are noise, and the silhouette decides (see `_densities`).

    Raises LabError for vectors that are not n rows of finite numbers, a persona given twice, fewer than 3 personas
    (unless k is 1), a k that cannot be, vectors that do not differ enough, and where DBSCAN finds a single cloud.
    """
    names, rows = _sorted(personas, vectors)
    _check_request(how, k, k_range)
    _check_enough(k, rows)
    distances = _distances(rows)
    ks = _candidates(rows, k, k_range)
    ways = _densities(distances) if how == "dbscan" else _partitions(rows, how, ks, seed)
    found, tried = _best(distances, ways)
    labels = _number(found.labels)
    k = int(labels.max()) + 1
    if how == "dbscan" and k == 1:
        raise LabError(
            f"clusters: dbscan parts the {len(names)} personas at no distance into two clusters or more, they are one"
            " cloud; use kmeans or agglomerative, or one adapter for everyone"
        )
    return Clustering(
        how=how,
        k=k,
        labels=dict(zip(names, labels.tolist(), strict=True)),
        silhouette=tried.get(k),
        tried=tried,
        centrality=dict(zip(names, _centrality(rows, labels).tolist(), strict=True)),
        noise=found.noise,
    )


def join(
    clustering: Clustering, personas: Sequence[str], vectors: npt.ArrayLike, newcomer: str, vector: Floats
) -> Clustering:
    """The clustering with one persona more, of this vector [d]; row i of `vectors` [n, d] is that of persona i.

    It joins the cluster of the nearest mean, as k-means itself assigns; clusters of DBSCAN may have any shape, so there
    it joins that of the nearest persona, as noise does. Nobody else moves.

    Raises LabError for a persona that is there already, or vectors that do not fit.
    """
    if newcomer in clustering.labels:
        raise LabError(f"clusters: persona {newcomer} is in a cluster already; give a new one a name of its own")
    rows, own = _finite(vectors), _finite(vector[None])
    labels = np.array([clustering.labels[persona] for persona in personas])
    members = [rows[labels == label] for label in range(clustering.k)]
    if clustering.how == "dbscan":
        label = int(labels[np.linalg.norm(rows - own, axis=1).argmin()])
    else:
        means = np.stack([one.mean(axis=0) for one in members])  # [k, d]
        label = int(np.linalg.norm(means - own, axis=1).argmin())
    centrality = float(_nearness(own, members[label])[0])
    return replace(
        clustering,
        labels=clustering.labels | {newcomer: label},
        centrality=clustering.centrality | {newcomer: centrality},
    )


def project(vectors: npt.ArrayLike) -> Floats:
    """Lay vectors [n, d] out on a plane, [n, 2]: their first two principal components.

    Signs are fixed: the largest loading of each component is positive. A component that does not exist (d or the
    rank below 2) is 0. Raises LabError for vectors that are not rows of finite numbers.
    """
    rows = _finite(vectors)
    plane = np.zeros((len(rows), 2))
    if len(rows) == 0:
        return plane
    centred = rows - rows.mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)  # [min(n, d), d], the widest spread first
    for axis, loadings in enumerate(components[:2]):
        plane[:, axis] = centred @ loadings * np.sign(loadings[np.abs(loadings).argmax()])
    return plane


# -- what comes in ------------------------------------------------------------------------------------------------


def _finite(vectors: npt.ArrayLike) -> Floats:
    """The vectors as [n, d] float64."""
    try:
        rows = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError):
        raise LabError("clusters: the vectors are not rows of equally many numbers; give one such row each") from None
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise LabError(f"clusters: vectors of shape {rows.shape} given; give one row of numbers for each persona")
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        raise LabError(f"clusters: vector {wrong[0]} holds a number that is not finite; compute the vectors again")
    return rows


def _sorted(personas: Sequence[str], vectors: npt.ArrayLike) -> tuple[list[str], Floats]:
    """Names in alphabetical order and their rows [n, d]."""
    rows = _finite(vectors)
    if len(personas) != len(rows):
        raise LabError(f"clusters: {len(personas)} personas and {len(rows)} vectors given; give one vector each")
    if len(set(personas)) < len(personas):
        twice = next(name for name in personas if personas.count(name) > 1)
        raise LabError(f"clusters: persona {twice} is given more than once; give each persona once")
    order = sorted(range(len(personas)), key=lambda index: personas[index])
    return [personas[index] for index in order], rows[order]


def _check_request(how: How, k: int | None, k_range: tuple[int, int]) -> None:
    if how not in get_args(How):
        raise LabError(f"clusters: {how!r} is not known; use kmeans, agglomerative or dbscan")
    if how == "dbscan" and k is not None:
        raise LabError("clusters: dbscan finds its own number of clusters; leave k out, or use kmeans or agglomerative")
    if k is None and not 1 <= k_range[0] <= k_range[1]:
        raise LabError(f"clusters: k_range {k_range} holds no k; give the least k and the greatest, as in (5, 25)")


def _check_enough(k: int | None, rows: Floats) -> None:
    n, distinct = len(rows), _distinct(rows)
    if k is not None and not 1 <= k <= n:
        raise LabError(f"clusters: k is {k} for {n} personas; give a k from 1 to {n}")
    if k == 1:
        return
    if n < 3:
        raise LabError(f"clusters: {n} personas cannot be parted into clusters; give 3 or more, or a k of 1")
    if distinct < (k or 2):
        raise LabError(
            f"clusters: the {n} vectors hold only {distinct} different ones; give a k of at most {distinct},"
            " or vectors that tell the personas apart"
        )


def _distinct(rows: Floats) -> int:
    return len(np.unique(rows, axis=0))


def _candidates(rows: Floats, k: int | None, k_range: tuple[int, int]) -> range:
    """Every k to try: the one asked for, or the range as far as a silhouette is defined."""
    if k is not None:
        return range(k, k + 1)
    highest = min(len(rows) - 1, _distinct(rows))
    low, high = (min(max(end, 2), highest) for end in k_range)
    return range(low, high + 1)


# -- ways to part the personas --------------------------------------------------------------------------------------


def _partitions(rows: Floats, how: How, ks: Iterable[int], seed: int) -> Iterator[_Found]:
    """One way for each k."""
    from sklearn.cluster import AgglomerativeClustering, KMeans

    for k in ks:
        if k == 1:
            yield _Found(np.zeros(len(rows), dtype=np.intp))
        elif how == "kmeans":
            model = KMeans(k, n_init=10, random_state=seed % 2**32)  # scikit-learn takes 32 bits
            yield _Found(model.fit_predict(rows))
        else:
            yield _Found(AgglomerativeClustering(k, linkage="ward").fit_predict(rows))


def _densities(distances: Floats) -> Iterator[_Found]:
    """DBSCAN (Ester et al. 1996) over distances [n, n], once for each share of personas that may be noise.

    MinPts is ln n (Birant & Kut 2007), at least 2. As in section 4.2 of Ester et al., an expected share of noise
    gives Eps: the distance within which all but that share have MinPts neighbours, themselves included. Nobody
    here knows the share, so 0, 5, … 50% are tried, and the silhouette of what would be trained, noise joined to its
    nearest neighbour's cluster, decides. The least noise comes first, and so wins among equals.
    """
    from sklearn.cluster import DBSCAN

    min_points = max(2, round(math.log(len(distances))))
    reach = np.sort(distances, axis=1)[:, min_points - 1]  # [n]
    quantiles = np.quantile(reach, [1 - share for share in _NOISE_SHARES], method="higher")
    equal = _VANISHING * distances.max()  # eps must be above 0, also where personas are equal
    for eps in dict.fromkeys(quantiles.clip(min=equal).tolist()):
        labels = DBSCAN(eps=eps, min_samples=min_points, metric="precomputed").fit_predict(distances)
        yield _Found(_join_noise(labels, distances), noise=int((labels < 0).sum()))


def _join_noise(labels: Labels, distances: Floats) -> Labels:
    """Give noise (−1) the label of the nearest persona that has one."""
    members = np.flatnonzero(labels >= 0)
    nearest = members[distances[:, members].argmin(axis=1)]  # [n]
    return np.where(labels >= 0, labels, labels[nearest])


# -- which is best --------------------------------------------------------------------------------------------------


def _distances(rows: Floats) -> Floats:
    """Euclidean distances [n, n]."""
    from sklearn.metrics import pairwise_distances

    found: Floats = pairwise_distances(rows)
    return found


def _best(distances: Floats, ways: Iterable[_Found]) -> tuple[_Found, dict[int, float]]:
    """The way of the highest silhouette, the first among equals or where none has one; and k → silhouette."""
    scored = [(_silhouette(distances, found.labels), found) for found in ways]
    _, best = max(scored, key=lambda one: -math.inf if one[0] is None else one[0])
    tried: dict[int, float] = {}
    for score, found in scored:
        if score is not None:
            k = len(np.unique(found.labels))
            tried[k] = max(score, tried.get(k, score))
    return best, tried


def _silhouette(distances: Floats, labels: Labels) -> float | None:
    """Mean silhouette (Rousseeuw 1987); None for one cluster, or as many as there are personas."""
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(distances, labels, metric="precomputed"))


def _number(labels: Labels) -> Labels:
    """Number clusters by size, the largest first, then by their first member."""
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    return np.argsort(order)[inverse]


def _centrality(rows: Floats, labels: Labels) -> Floats:
    """Cosine of each row and the mean of its cluster, [n] in [0, 1]."""
    found = np.ones(len(rows))
    for label in np.unique(labels):
        members = labels == label
        found[members] = _nearness(rows[members], rows[members])
    return found


def _nearness(rows: Floats, members: Floats) -> Floats:
    """Cosine of each row [n, d] and the mean of these members [m, d], in [0, 1]; 1 where that mean is zero."""
    centroid = members.mean(axis=0)  # [d]
    length = np.linalg.norm(centroid)
    if length <= _VANISHING * np.linalg.norm(members, axis=1).max():
        return np.ones(len(rows))
    lengths = np.linalg.norm(rows, axis=1)  # [n]
    found: Floats = (rows @ centroid / (np.where(lengths > 0, lengths, 1.0) * length)).clip(0.0, 1.0)
    return found
