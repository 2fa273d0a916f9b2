"""Clusters of personas: what is planted is found, whatever the order, and bad input is told in a sentence."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

from lab.errors import LabError
from lab.methods.cluster import Clustering, How, cluster, project

HOWS: tuple[How, ...] = ("kmeans", "agglomerative", "dbscan")
SIZES = (9, 8, 7, 6, 5, 4)
OUTLIERS = np.array([[-70.0, 0.0], [0.0, 60.0], [20.0, -65.0]])


def names(n: int) -> list[str]:
    return [f"persona_{index:03d}" for index in range(n)]


def blobs(sizes: tuple[int, ...] = SIZES, d: int = 6) -> tuple[list[str], np.ndarray, list[int]]:
    """Personas, vectors [n, d] and the blob of each; the first blob is the largest."""
    rng = np.random.default_rng(7)
    blob = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = 10 * np.eye(d)[blob] + 0.5 * rng.normal(size=(len(blob), d))
    return names(len(blob)), vectors, blob.tolist()


def two_blobs_and_outliers() -> np.ndarray:
    """[23, 2]: ten personas about (0, 0), ten about (20, 0), three farther away than these are from each other."""
    noise = np.random.default_rng(3).normal(size=(20, 2))
    return np.concatenate([noise + np.repeat([[0, 0], [20, 0]], 10, axis=0), OUTLIERS])


# -- what is planted is found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
def test_planted_blobs_are_found_and_their_number_chosen(how):
    personas, vectors, planted = blobs()
    found = cluster(personas, vectors, how)
    assert found.k == len(SIZES)
    assert found.labels == dict(zip(personas, planted, strict=True))  # sizes fall, so the numbering is known too
    assert found.how == how
    assert found.noise == 0


@pytest.mark.parametrize("how", HOWS)
def test_the_silhouette_is_scikit_learns(how):
    personas, vectors, _ = blobs()
    found = cluster(personas, vectors, how)
    labels = [found.labels[persona] for persona in personas]
    assert found.silhouette == pytest.approx(silhouette_score(vectors, labels))
    assert found.tried[found.k] == found.silhouette == max(found.tried.values())


@pytest.mark.parametrize("how", ["kmeans", "agglomerative"])
def test_k_is_sought_in_its_range_as_far_as_a_silhouette_is_defined(how):
    personas, vectors, _ = blobs()
    assert set(cluster(personas, vectors, how, k_range=(2, 9)).tried) == set(range(2, 10))
    assert set(cluster(personas[:7], vectors[:7], how).tried) == {5, 6}
    assert set(cluster(personas[:4], vectors[:4], how).tried) == {3}
    assert set(cluster(personas[:4], vectors[:4], how, k_range=(1, 2)).tried) == {2}


@pytest.mark.parametrize("how", ["kmeans", "agglomerative"])
def test_where_two_k_are_equally_good_the_smaller_is_taken(how):
    equidistant = 2 * np.eye(6)  # every silhouette is 0
    found = cluster(names(6), equidistant, how, k_range=(3, 5))
    assert found.tried == {3: 0, 4: 0, 5: 0}
    assert found.k == 3


@pytest.mark.parametrize("how", ["kmeans", "agglomerative"])
def test_a_k_that_is_asked_for_is_given(how):
    personas, vectors, _ = blobs()
    found = cluster(personas, vectors, how, k=4)
    assert found.k == 4
    assert found.tried == {4: found.silhouette}


@pytest.mark.parametrize("how", ["kmeans", "agglomerative"])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (5, 1), (5, 5)])
def test_one_cluster_for_all_and_one_for_each_have_no_silhouette(how, n, k):
    found = cluster(names(n), np.eye(5)[:n], how, k=k)
    assert (found.k, found.silhouette, found.tried) == (k, None, {})


def test_clusters_are_numbered_by_size_then_by_their_first_persona():
    line = np.array([[0.0], [50.0], [100.0], [101.0], [102.0], [1.0], [51.0]])
    found = cluster(list("gbcdefa"), line, "agglomerative", k=3)
    assert found.labels == {"c": 0, "d": 0, "e": 0, "a": 1, "b": 1, "f": 2, "g": 2}


# -- the answer depends on vectors and seed alone -------------------------------------------------------------------


@pytest.mark.parametrize("how", HOWS)
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(20)))
def test_the_order_of_personas_changes_nothing(how, order):
    rng = np.random.default_rng(1)  # three blobs that touch, so that much hangs on the start
    vectors = 3.2 * np.eye(3)[rng.integers(0, 3, size=20)] + rng.normal(size=(20, 3))
    personas = names(20)
    shuffled = cluster([personas[index] for index in order], vectors[order], how, k_range=(2, 6))
    assert shuffled == cluster(personas, vectors, how, k_range=(2, 6))


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_a_seed_gives_the_same_clusters_again(how, seed):
    vectors = np.random.default_rng(0).normal(size=(12, 2))
    runs = [cluster(names(12), vectors, how, k_range=(2, 5), seed=seed) for _ in range(2)]
    assert runs[0] == runs[1]


@settings(max_examples=30, deadline=None)
@given(data=st.data(), how=st.sampled_from(["kmeans", "agglomerative"]), n=st.integers(3, 12), d=st.integers(1, 4))
def test_every_clustering_is_sound(data, how, n, d):
    """Every persona has a cluster, none is empty, the largest come first, and no cluster is without a centre."""
    vectors = np.array([data.draw(st.lists(st.integers(-3, 3), min_size=d, max_size=d)) for _ in range(n)])
    k = data.draw(st.integers(1, len(np.unique(vectors, axis=0))))
    if k == 1 and data.draw(st.booleans()):
        vectors = np.zeros((n, d))
    found = cluster(names(n), vectors, how, k=k)
    members = [[p for p, label in found.labels.items() if label == number] for number in range(found.k)]
    assert found.k == k
    assert sorted(chain.from_iterable(members)) == names(n)
    assert all(members)
    assert all((-len(a), a[0]) < (-len(b), b[0]) for a, b in pairwise(members))
    assert all(0 <= value <= 1 for value in found.centrality.values())
    assert all(any(found.centrality[persona] > 0 for persona in group) for group in members)


# -- centrality -----------------------------------------------------------------------------------------------------


def test_centrality_is_the_cosine_to_the_mean_of_the_cluster():
    # The mean of the first three is (1, 1); the fourth is alone.
    vectors = [[3.0, 0.0], [0.0, 1.0], [0.0, 2.0], [50.0, 50.0]]
    found = cluster(list("abcd"), vectors, "agglomerative", k=2)
    assert found.labels == {"a": 0, "b": 0, "c": 0, "d": 1}
    assert found.centrality == pytest.approx({"a": 0.5**0.5, "b": 0.5**0.5, "c": 0.5**0.5, "d": 1.0})


def test_a_persona_that_points_away_from_its_cluster_has_no_centrality():
    found = cluster(list("abcd"), [[3.0], [2.0], [-1.0], [0.0]], "kmeans", k=1)
    assert found.centrality == pytest.approx({"a": 1, "b": 1, "c": 0, "d": 0})


def test_where_the_mean_vanishes_all_members_are_equally_central():
    standardised = np.array([[0.1, 0.7], [0.2, -0.4], [-0.3, -0.3]])  # sums to zero but for rounding
    assert cluster(list("abc"), standardised, "kmeans", k=1).centrality == {"a": 1, "b": 1, "c": 1}


# -- noise ----------------------------------------------------------------------------------------------------------


def test_noise_is_counted_and_joins_the_cluster_of_its_nearest_neighbour():
    found = cluster(names(23), two_blobs_and_outliers(), "dbscan")
    assert (found.k, found.noise) == (2, 3)
    labels = list(found.labels.values())
    assert labels == [0] * 10 + [1] * 10 + [0, 0, 1]


def test_dbscan_tells_personas_apart_that_are_equal_within_their_cluster():
    found = cluster(names(12), np.repeat(np.eye(3), 4, axis=0), "dbscan")
    assert (found.k, found.silhouette, found.noise) == (3, pytest.approx(1), 0)


def test_dbscan_without_two_clusters_says_what_to_do():
    one_cloud = np.linspace(0, 1, 30)[:, None]
    with pytest.raises(LabError, match=r"30 personas .* one cloud; use kmeans or agglomerative"):
        cluster(names(30), one_cloud, "dbscan")


# -- bad input ------------------------------------------------------------------------------------------------------


def good(**other: object) -> dict[str, object]:
    return {"personas": names(6), "vectors": np.arange(12.0).reshape(6, 2) ** 2, "how": "kmeans"} | other


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (good(k=7), "k is 7 for 6 personas; give a k from 1 to 6"),
        (good(k=0), "k is 0 for 6 personas; give a k from 1 to 6"),
        (good(k_range=(9, 5)), r"k_range \(9, 5\) holds no k"),
        (good(k_range=(0, 5)), r"k_range \(0, 5\) holds no k"),
        (good(how="dbscan", k=3), "dbscan finds its own number of clusters; leave k out"),
        (good(how="kmean"), "'kmean' is not known; use kmeans, agglomerative or dbscan"),
        (good(personas=names(5)), "5 personas and 6 vectors given; give one vector each"),
        (good(personas=[*names(5), "persona_003"]), "persona persona_003 is given more than once"),
        (good(vectors=np.full((6, 2), np.nan)), "vector 0 holds a number that is not finite"),
        (good(vectors=np.diag([1, 1, np.inf, 1, 1, 1])), "vector 2 holds a number that is not finite"),
        (good(vectors=np.zeros(6)), r"vectors of shape \(6,\) given; give one row of numbers for each"),
        (good(vectors=np.zeros((6, 0))), r"vectors of shape \(6, 0\) given"),
        (good(vectors=[[1.0]] * 5 + [[1.0, 2.0]]), "not rows of equally many numbers"),
        (good(vectors=np.ones((6, 2))), "6 vectors hold only 1 different ones; give a k of at most 1"),
        (good(vectors=np.eye(6)[[0, 0, 0, 1, 1, 1]], k=3), "hold only 2 different ones; give a k of at most 2"),
        ({"personas": ["a", "b"], "vectors": np.eye(2), "how": "kmeans"}, "2 personas cannot be parted"),
        ({"personas": ["a", "b"], "vectors": np.eye(2), "how": "kmeans", "k": 2}, "2 personas cannot be parted"),
        ({"personas": ["a", "b"], "vectors": np.eye(2), "how": "dbscan"}, "2 personas cannot be parted"),
        ({"personas": [], "vectors": np.zeros((0, 2)), "how": "kmeans"}, "0 personas cannot be parted"),
    ],
)
def test_bad_input_is_told_in_one_sentence(given, sentence):
    with pytest.raises(LabError, match=f"^clusters: .*{sentence}"):
        cluster(**given)


# -- the map --------------------------------------------------------------------------------------------------------


def test_the_map_keeps_the_distances_of_vectors_that_lie_in_a_plane():
    rng = np.random.default_rng(5)
    flat = rng.normal(size=(8, 2))
    axes, _ = np.linalg.qr(rng.normal(size=(10, 2)))
    placed = project(flat @ axes.T + 3.0)  # a plane in ten dimensions, away from the origin
    assert np.linalg.norm(placed[:, None] - placed, axis=-1) == pytest.approx(
        np.linalg.norm(flat[:, None] - flat, axis=-1)
    )
    assert placed.mean(axis=0) == pytest.approx([0, 0])
    assert placed[:, 0].std() >= placed[:, 1].std()


def test_the_signs_of_the_map_are_fixed_by_its_largest_loadings():
    vectors = np.random.default_rng(2).normal(size=(9, 4)) * [5, 3, 1, 1]
    for order in (range(9), range(8, -1, -1)):
        placed = project(vectors[order])
        assert placed == pytest.approx(project(vectors)[order])
        loadings = (vectors[order] - vectors.mean(axis=0)).T @ placed  # [4, 2], in proportion
        assert (loadings.T[[0, 1], np.abs(loadings).argmax(axis=0)] > 0).all()


@pytest.mark.parametrize(
    ("vectors", "placed"),
    [
        (np.zeros((0, 3)), np.zeros((0, 2))),
        ([[4.0, 5.0, 6.0]], [[0, 0]]),
        ([[1.0], [3.0]], [[-1, 0], [1, 0]]),
        (np.ones((3, 5)), np.zeros((3, 2))),
    ],
)
def test_a_component_that_does_not_exist_is_zero(vectors, placed):
    assert project(vectors) == pytest.approx(np.array(placed))


def test_the_map_needs_finite_numbers():
    with pytest.raises(LabError, match="vector 1 holds a number that is not finite"):
        project([[1.0, 2.0], [np.nan, 0.0]])


def test_importing_clusters_and_behaviour_imports_no_heavy_library():
    program = "import sys, lab.methods.cluster, lab.methods.behaviour\n"
    program += "print([name for name in ('scipy', 'sklearn', 'torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_clustering_is_plain_data():
    personas, vectors, _ = blobs()
    found = cluster(personas, vectors, "kmeans", k=2)
    assert isinstance(found, Clustering)
    assert {type(value) for value in found.labels.values()} == {int}
    assert {type(value) for value in (found.silhouette, *found.tried.values(), *found.centrality.values())} == {float}
    assert {type(value) for value in (found.k, found.noise, *found.tried)} == {int}
