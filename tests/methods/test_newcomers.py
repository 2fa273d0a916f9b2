"""A persona who comes after the clusters were found: its features, its cluster, and nothing of anybody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data.generate import generate
from lab.data.types import Actions, Dialogue, Message
from lab.errors import LabError
from lab.methods.behaviour import behaviour_features, placed_features
from lab.methods.cluster import Clustering, cluster, join

START = datetime(2024, 5, 1, 9, tzinfo=UTC)


def acting(*actions: Actions) -> list[Dialogue]:
    messages = [(Message("user", "So."), Message("assistant", "Yes.", one)) for one in actions]
    return [Dialogue(f"{n}", "p", START + timedelta(days=n), {}, one) for n, one in enumerate(messages)]


def generated(n: int, seed: int, *, labelled: bool) -> dict[str, list[Dialogue]]:
    """Personas who talk of devices; without labels, what they set has to be read out of words."""
    dataset = generate(n, 8, seed=seed)

    def bare(dialogue: Dialogue) -> Dialogue:
        return replace(dialogue, messages=tuple(replace(message, actions=None) for message in dialogue.messages))

    return {
        persona.persona_id: [one if labelled else bare(one) for one in dataset.of(persona.persona_id)]
        for persona in dataset.personas
    }


# ---------------------------------------------------------------- behaviour


@given(seed=st.integers(0, 50), n=st.integers(2, 6), labelled=st.booleans())
@settings(max_examples=15, deadline=None)
def test_whoever_was_there_from_the_start_is_placed_where_it_is(seed, n, labelled):
    people = generated(n, seed, labelled=labelled)
    features = behaviour_features(people)
    for persona, row in zip(features.personas, features.values, strict=True):
        assert np.array_equal(placed_features(features.scaling, people[persona]), row)


def test_a_newcomer_is_measured_as_the_others_were():
    people = {
        "a": acting({"ac": {"temperature": 18}}),
        "b": acting({"ac": {"temperature": 22}}),
        "c": acting({"ac": {"temperature": 26}}, {"tv": {"volume": 3}}),
    }
    features = behaviour_features(people)
    column = features.names.index("values: ac.temperature mean")
    low, high = (features.values[row, column] for row in (0, 1))
    for degrees, expected in ((18, low), (20, (low + high) / 2), (14, 2 * low - high)):
        row = placed_features(features.scaling, acting({"ac": {"temperature": degrees}}))
        assert row[column] == pytest.approx(expected)


def test_what_nobody_did_before_counts_as_other_where_there_is_such_a_column_and_else_not_at_all():
    def playing(*songs: str) -> list[Dialogue]:
        return acting(*({"speaker": {"song": song}} for song in songs))

    people = {"a": playing("Hello", "Bells"), "b": playing("Hello"), "c": playing("Hello", "Hello", "Snow")}
    features = behaviour_features(people)
    other = features.names.index("values: speaker.song = other")
    row = placed_features(features.scaling, playing("Hello", "Rain"))
    assert row[other] == features.values[0, other]  # half of what it plays, as with a
    unknown = placed_features(features.scaling, acting({"lamp": {"colour": "red"}}))
    assert unknown.shape == row.shape
    assert unknown[other] == 0, "of a newcomer that plays nothing the mean is as good a guess as any"


def test_talk_is_of_devices_for_a_newcomer_if_it_was_for_the_others():
    def said(*answers: str) -> list[Dialogue]:
        return [replace(one, messages=(one.messages[0], Message("assistant", answers[n])))
                for n, one in enumerate(acting(*[{}] * len(answers)))]  # fmt: skip

    weather = {p: said(*["It is nice out."] * 20, f"It has {t} degrees.") for p, t in (("a", 18), ("b", 25))}
    of_weather, of_homes = (
        behaviour_features(people).scaling
        for people in (weather, {p: said(f"The AC is at {t} degrees.") for p, t in (("a", 18), ("b", 25))})
    )
    assert (of_weather.of_devices, of_homes.of_devices) == (False, True)
    newcomer = said("The AC is at 18 degrees.")
    assert placed_features(of_homes, newcomer).any()
    assert not placed_features(of_weather, newcomer).any()


# ---------------------------------------------------------------- clusters


def cloud(seed: int, n: int = 12) -> tuple[list[str], np.ndarray]:
    """Personas around two points, of unit length as embeddings are."""
    rng = np.random.default_rng(seed)
    centres = np.repeat([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], n // 2, axis=0)
    rows = centres + 0.2 * rng.normal(size=(n, 3))
    return [f"p{i:02d}" for i in range(n)], rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(seed=st.integers(0, 1000), k=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_a_newcomer_just_like_somebody_joins_that_ones_cluster_of_k_means(seed, k):
    personas, rows = cloud(seed)
    found = cluster(personas, rows, "kmeans", k=k)
    for persona, row in zip(personas, rows, strict=True):
        joined = join(found, personas, rows, "new", row)
        assert joined.labels["new"] == found.labels[persona]
        assert joined.centrality["new"] == pytest.approx(found.centrality[persona])


@pytest.mark.parametrize("how", ["kmeans", "agglomerative", "dbscan"])
def test_a_newcomer_joins_who_it_is_near_to_and_nobody_moves(how):
    personas, rows = cloud(3)
    found = cluster(personas, rows, how, k=None if how == "dbscan" else 2)
    for centre, like in (([0.9, 0.1, 0.0], "p00"), ([0.1, 0.9, 0.0], "p11")):
        joined = join(found, personas, rows, "new", np.array(centre))
        assert joined.labels == found.labels | {"new": found.labels[like]}
        assert 0.5 < joined.centrality["new"] <= 1
        assert (joined.k, joined.silhouette, joined.tried) == (found.k, found.silhouette, found.tried)


def test_clusters_of_dbscan_may_have_any_shape_so_the_nearest_persona_decides():
    """A ring around a point: the mean of the ring is where the other cluster is."""
    angles = np.arange(24) * 2 * np.pi / 24
    ring, heart = np.column_stack([np.cos(angles), np.sin(angles)]), 0.02 * np.random.default_rng(0).normal(size=(8, 2))
    personas, rows = [f"p{i:02d}" for i in range(32)], np.vstack([ring, heart])
    labels = {persona: int(number >= 24) for number, persona in enumerate(personas)}
    found = Clustering("dbscan", 2, labels, None, {}, dict.fromkeys(personas, 1.0))
    outside, inside = (join(found, personas, rows, "new", np.array(point)) for point in ([1.1, 0.1], [0.05, 0.0]))
    assert (outside.labels["new"], inside.labels["new"]) == (0, 1)


def test_who_is_in_a_cluster_does_not_join_again():
    personas, rows = cloud(0)
    with pytest.raises(LabError, match="persona p03 is in a cluster already; give a new one a name"):
        join(cluster(personas, rows, "kmeans", k=2), personas, rows, "p03", rows[0])
