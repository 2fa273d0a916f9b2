"""From a study to jobs: shared work once, under keys made of everything it depends on and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.methods.plan import PlannedJob, job_key, plan
from lab.methods.spec import parse_study

STUDY = {"name": "s", "data": "homes", "base": "smollm2-135m", "methods": ["base", "unified", "persona"]} | {
    "evaluate": ["test"]
}
DATA = "d" * 64


def planned(digest: str = DATA, **changes: Any) -> list[PlannedJob]:
    """The plan of the study with these changes."""
    return plan(parse_study(STUDY | changes, "s.toml"), digest)


def keys(jobs: list[PlannedJob], *, kind: str = "train") -> list[str]:
    """The keys of the jobs of a kind."""
    return [job.key for job in jobs if job.kind == kind]


def shape(jobs: list[PlannedJob]) -> list[tuple[str, str, list[str]]]:
    """(kind, method, kinds and methods of the parents) of each job."""
    by_key = {job.key: f"{job.kind} {job.method}" for job in jobs}
    return [(job.kind, job.method, [by_key[parent] for parent in job.parents]) for job in jobs]


# ---------------------------------------------------------------- which jobs


def test_a_method_is_a_book_and_an_evaluation_of_it():
    assert shape(planned()) == [
        ("recipes", "base", []),
        ("evaluate", "base", ["recipes base"]),
        ("train", "unified", []),
        ("evaluate", "unified", ["train unified"]),
        ("train", "persona", []),
        ("evaluate", "persona", ["train persona"]),
    ]


def test_hybrid_stands_on_the_very_training_that_unified_is():
    jobs = planned(methods=["hybrid", "unified"])
    assert shape(jobs) == [
        ("train", "unified", []),
        ("train", "hybrid", ["train unified"]),
        ("evaluate", "hybrid", ["train hybrid"]),
        ("evaluate", "unified", ["train unified"]),
    ]
    assert set(keys(planned(methods=["unified"]))) < set(keys(jobs))


@pytest.mark.parametrize(
    ("merge", "compared"),
    [
        ({}, True),
        ({"within": "everyone"}, False),
        ({"within": "everyone", "nearest": 2}, True),
        ({"within": "everyone", "nearest": 2, "choose": "random"}, False),
        ({"within": "everyone", "nearest": 2, "choose": "random", "weights": "cosine"}, True),
    ],
)
def test_personas_are_clustered_for_a_merge_only_if_it_matters_who_is_alike(merge: dict[str, Any], compared: bool):
    """Clusters may not be found at all: where nobody has a description, or there are two personas."""
    mine = {"parameters": "none", "merge": merge | {"of": "persona"}}
    jobs = planned(methods=["mine"], method={"mine": mine})
    assert ("cluster" in {job.kind for job in jobs}) == compared
    if compared:
        jobs = planned(methods=["mine"], method={"mine": mine | {"cluster": {"by": "behaviour"}}})
        assert next(job.spec["cluster"]["by"] for job in jobs if job.kind == "cluster") == "behaviour"
    else:
        with pytest.raises(LabError, match="'cluster' is for"):
            planned(methods=["mine"], method={"mine": mine | {"cluster": {"by": "behaviour"}}})


def test_what_is_only_stood_on_is_trained_but_not_evaluated():
    assert shape(planned(methods=["hybrid"])) == [
        ("train", "unified", []),
        ("train", "hybrid", ["train unified"]),
        ("evaluate", "hybrid", ["train hybrid"]),
    ]


def test_a_job_that_two_methods_need_serves_both():
    twin = {"parameters": "lora", "share": "everyone", "about": "unified under another name"}
    jobs = planned(methods=["unified", "twin"], method={"twin": twin})
    assert [job.serves for job in jobs] == [("unified", "twin"), ("unified", "twin")]


def test_each_seed_trains_anew_and_each_split_is_evaluated():
    jobs = planned(methods=["base", "unified"], seeds=[0, 1], evaluate=["val", "test"])
    assert [(job.kind, job.method, job.spec.get("seed"), job.spec.get("split")) for job in jobs] == [
        ("recipes", "base", None, None),  # nothing is drawn, so every seed shares it
        ("evaluate", "base", 0, "val"),
        ("evaluate", "base", 0, "test"),
        ("train", "unified", 0, None),
        ("evaluate", "unified", 0, "val"),
        ("evaluate", "unified", 0, "test"),
        ("evaluate", "base", 1, "val"),
        ("evaluate", "base", 1, "test"),
        ("train", "unified", 1, None),
        ("evaluate", "unified", 1, "val"),
        ("evaluate", "unified", 1, "test"),
    ]


def test_only_books_can_be_chatted_with():
    assert {job.kind for job in planned() if job.makes_book} == {"recipes", "train"}


def test_a_methods_own_training_wins_over_the_studys():
    mine = {"parameters": "lora", "training": {"epochs": 9}}
    (train, _) = planned(methods=["mine"], method={"mine": mine}, training={"epochs": 2, "batch_size": 7})
    assert (train.spec["training"]["epochs"], train.spec["training"]["batch_size"]) == (9, 7)


@given(
    methods=st.lists(st.sampled_from(["base", "unified", "persona", "hybrid"]), min_size=1),
    seeds=st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True),
)
def test_every_plan_has_parents_before_children_and_no_key_twice(methods, seeds):
    jobs = planned(methods=methods, seeds=seeds)
    seen: set[str] = set()
    for job in jobs:
        assert set(job.parents) <= seen
        assert job.key not in seen
        seen.add(job.key)
    assert {method for job in jobs for method in job.serves} >= set(methods)


# ---------------------------------------------------------------- keys


def test_a_key_is_the_same_tomorrow():
    """Written down: if this changes, `ENGINE_VERSION` has to be raised, for old artifacts are computed anew."""
    assert job_key("evaluate", {"b": 1, "a": [0.6, "x"]}, ("p",)) == (
        "beee5f2a0195dbd51a1b5599b8bf52fde8d19634e988fe04759abc4af459893d"
    )


def test_the_order_in_which_a_spec_is_written_does_not_matter():
    assert job_key("train", {"a": 1, "b": {"c": 2, "d": 3}}, ()) == job_key(
        "train", {"b": {"d": 3, "c": 2}, "a": 1}, ()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"base": "other"},
        {"personas": 3},
        {"dialogues": 5},
        {"split": [0.5, 0.25, 0.25]},
        {"seeds": [1]},
        {"dtype": "float32"},
        {"training": {"epochs": 4}},
        {"method": {"unified": {"parameters": "lora", "lora": {"rank": 4}}}},
        {"method": {"unified": {"parameters": "lora", "share": "persona"}}},
    ],
)
def test_what_changes_the_weights_changes_the_key(changes):
    changed = planned(methods=["unified"], **changes)
    assert set(keys(changed)).isdisjoint(keys(planned(methods=["unified"])))
    before = keys(planned(methods=["unified"]), kind="evaluate")
    assert set(keys(changed, kind="evaluate")).isdisjoint(before), "and with it the key of all that stands on it"


def test_other_data_are_other_keys_throughout():
    assert {job.key for job in planned(digest="e" * 64)}.isdisjoint(job.key for job in planned())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "another"},
        {"data": "the/same/data/elsewhere"},
        {"methods": ["unified", "base"]},
        {"evaluate": ["val"]},
        {"max_new_tokens": 9},
        {"training": {"learning_rate": 0.0005}},  # as it is anyway
        {"method": {"unified": {"parameters": "lora", "about": "told differently", "training": {"epochs": "3"}}}},
    ],
)
def test_what_does_not_change_the_weights_leaves_the_key(changes):
    (key,) = keys(planned(methods=["unified"]))
    assert key in keys(planned(**({"methods": ["unified"]} | changes)))


def test_an_evaluation_depends_on_its_split_and_the_length_of_answers():
    same = keys(planned(), kind="evaluate")
    assert set(keys(planned(evaluate=["val"]), kind="evaluate")).isdisjoint(same)
    assert set(keys(planned(max_new_tokens=9), kind="evaluate")).isdisjoint(same)
