"""New personas for a study that is over: what is shared with it, what is made for them, and what it cannot give."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.methods.extend import VECTOR_RATE, check_extension, check_newcomers, inherited, plan_extension, stored
from lab.methods.histories import short_histories
from lab.methods.plan import PlannedJob, plan
from lab.methods.spec import Study, catalog, parse_study

OLD, NEW = "d" * 64, "e" * 64
OWN = {
    "mine": {"share": "persona", "parameters": "lora", "on": "unified", "sweep": {"rank": [2, 4]}},
    "told": {"parameters": "none", "on": "cluster-kmeans", "prompt": "description"},
    "start": {"share": "cluster", "parameters": "lora", "meta": {"how": "reptile"}},
}


def older(methods: tuple[str, ...] = (), **changes: Any) -> Study:
    """A study of everything, with methods and settings of its own."""
    content = {
        "name": "demo",
        "data": "homes",
        "base": "smollm2-135m",
        "method": OWN,
        "seeds": [0, 1],
        "evaluate": ["test"],
    }
    content |= {"methods": list(methods or [*catalog(), *OWN]), "training": {"epochs": 2}, "personas": 4}
    return parse_study(content | changes, "demo.toml")


def kept(study: Study) -> dict[str, Any]:
    """Its spec as the database gives it back."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(study.model_dump(mode="json")))
    return found


def newcomer(of: Study, **said: Any) -> Study:
    content = inherited({"name": "demo+anna", "data": "anna", "extends": of.name} | said, kept(of))
    return parse_study(content, "lab persona add")


def planned(*methods: str, **said: Any) -> list[PlannedJob]:
    """The plan of a newcomer to the study of everything under these methods."""
    study = newcomer(older(), **({"methods": list(methods)} if methods else {}), **said)
    check_extension(study, older())
    return plan_extension(study, NEW, older(), OLD)


def own(jobs: list[PlannedJob]) -> list[tuple[str, str, list[str]]]:
    """(kind, method, parents) of the newcomer's jobs, the older study's in brackets."""
    names = {job.key: f"{job.kind} {job.method}" if job.serves else f"[{job.kind} {job.method}]" for job in jobs}
    return [(job.kind, job.method, [names[key] for key in job.parents]) for job in jobs if job.serves]


# ---------------------------------------------------------------- what is shared


@given(methods=st.lists(st.sampled_from([*catalog(), *OWN]), min_size=1, max_size=6, unique=True))
def test_whatever_the_newcomers_need_the_older_study_has_under_the_very_same_keys(methods):
    there = {job.key: job for job in plan(older(), OLD)}
    jobs = planned(*methods)
    seen: set[str] = set()
    for job in jobs:
        assert set(job.parents) <= seen
        assert job.key not in seen
        seen.add(job.key)
        if job.spec["data"] == OLD:
            assert (job.kind, job.spec) == (there[job.key].kind, there[job.key].spec)
            assert (job.serves, job.makes_book) == ((), False), "it is the older study's, not the newcomers'"
        else:
            assert job.spec["data"] == NEW
            assert job.key not in there
            assert job.serves


def test_every_method_ends_in_a_book_for_newcomers_and_its_evaluation():
    jobs = planned()
    books = {method for job in jobs if job.makes_book for method in job.serves}
    assert books == {*catalog(), *OWN}
    evaluated = {method for job in jobs if job.kind == "evaluate" for method in job.serves}
    assert evaluated == books


def test_only_what_each_persona_has_of_its_own_is_trained():
    trained = [job for job in planned() if job.serves and job.kind in ("train", "fit")]
    assert {job.spec["share"] for job in trained if job.kind == "train"} == {"persona"}
    assert {job.method for job in trained if job.kind == "fit"} == {"user-embedding"}
    assert not [job for job in planned() if job.serves and job.kind in ("meta", "mixture", "cluster", "route")]


def test_what_decides_how_something_is_trained_is_the_older_studys():
    (train, *_) = [job for job in planned("persona", seeds=[1]) if job.kind == "train"]
    (there,) = [job for job in plan(older(("persona",), seeds=[1]), OLD) if job.kind == "train"]
    assert train.spec | {"data": OLD, "personas": 4} == there.spec


# ---------------------------------------------------------------- which jobs


def test_what_everybody_shares_is_taken_over():
    assert own(planned("unified", "hybrid", seeds=[0])) == [
        ("adopt", "unified", ["[train unified]"]),
        ("evaluate", "unified", ["adopt unified"]),
        ("train", "hybrid", ["adopt unified"]),
        ("evaluate", "hybrid", ["train hybrid"]),
    ]


def test_what_a_cluster_shares_is_that_of_the_nearest():
    assert own(planned("cluster+delta", seeds=[0])) == [
        ("adopt", "cluster-kmeans", ["[train cluster-kmeans]", "[cluster cluster-kmeans]"]),
        ("train", "cluster+delta", ["adopt cluster-kmeans"]),
        ("evaluate", "cluster+delta", ["train cluster+delta"]),
    ]


def test_what_a_shared_adapter_shows_of_the_user_is_the_newcomers_own():
    jobs = [job for job in planned("unified-retrieval", "told", seeds=[0]) if job.makes_book]
    shown = {job.method: {key: job.spec[key] for key in ("prompt", "retrieve") if key in job.spec} for job in jobs}
    assert shown["unified-retrieval"]["retrieve"]["k"] == 3
    assert shown["told"] == {"prompt": "description"}


def test_a_merge_is_of_the_newcomers_adapter_and_those_that_are_there():
    assert own(planned("merge-sparse", seeds=[0])) == [
        ("train", "persona", []),
        ("merge", "merge-sparse", ["train persona", "[cluster merge-sparse]", "[train persona]"]),
        ("evaluate", "merge-sparse", ["merge merge-sparse"]),
    ]
    (merge,) = [job for job in planned("merge-weighted", seeds=[0]) if job.kind == "merge"]
    assert set(merge.spec["inputs"]) == {"of", "clusters", "others", "scores", "scores of others"}


def test_a_start_is_learned_once_for_all():
    assert own(planned("meta-reptile", seeds=[0])) == [
        ("train", "meta-reptile", ["[meta meta-reptile]"]),
        ("evaluate", "meta-reptile", ["train meta-reptile"]),
    ]
    assert own(planned("start", seeds=[0]))[0] == ("adopt", "start", ["[train start]", "[cluster start]"])


def test_more_dialogues_are_made_of_the_newcomers_own():
    assert own(planned("augmented-persona-context", seeds=[0]))[:2] == [
        ("augment", "augmented-persona-context", []),
        ("train", "augmented-persona-context", ["augment augmented-persona-context"]),
    ]


def test_of_a_user_embedding_the_vector_is_fitted_at_a_rate_of_its_own():
    jobs = planned("user-embedding", seeds=[0])
    assert own(jobs)[0] == ("fit", "user-embedding", ["[train user-embedding]"])
    (there, fit, _) = jobs
    assert fit.spec["training"] == there.spec["training"] | {"learning_rate": VECTOR_RATE}


def test_a_gate_is_taken_over_with_its_experts():
    assert own(planned("mixture-soft", seeds=[0]))[:2] == [
        ("adopt", "cluster-kmeans", ["[train cluster-kmeans]", "[cluster cluster-kmeans]"]),
        ("adopt", "mixture-soft", ["[mixture mixture-soft]", "adopt cluster-kmeans"]),
    ]


def test_where_a_route_would_choose_a_newcomer_gets_what_stays_in_doubt():
    for method in ("route-val", "route-classifier", "random-route"):
        jobs = planned(method, seeds=[0])
        assert own(jobs)[:2] == [
            ("adopt", "unified", ["[train unified]"]),
            ("recipes", method, ["adopt unified"]),
        ]
        assert jobs[2].spec["instead"] == "unified"


def test_a_newcomer_is_swapped_with_somebody_who_is_there():
    assert own(planned("swapped-persona", seeds=[0]))[0] == ("recipes", "swapped-persona", ["[train persona]"])


def test_a_newcomer_with_a_short_history_gets_every_method_all_the_same():
    demo = older(("retrieval-k10",))
    with pytest.raises(LabError, match="retrieval-k10 retrieves k = 10 train dialogues"):
        short_histories(demo, {"anna": 4})
    assert short_histories(newcomer(demo), {"anna": 4}) == [
        "retrieval-k10: 1 of 1 personas have fewer than 10 train dialogues; they are shown what there is"
    ]


# ---------------------------------------------------------------- what is taken from the older study


def test_a_study_comes_back_from_the_database_as_it_was():
    assert stored(kept(older())) == older()


def test_newcomers_take_everything_over_but_how_many_they_are():
    study, demo = newcomer(older()), older()
    same = ("base", "dtype", "split", "seeds", "dialogues", "training", "method", "methods", "evaluate")
    assert all(getattr(study, name) == getattr(demo, name) for name in same)
    assert (study.extends, study.personas) == ("demo", None)


def test_methods_seeds_and_what_is_evaluated_may_be_said():
    study = newcomer(older(), methods=["hybrid"], seeds=[1], evaluate=["val"], dialogues=9, max_new_tokens=7)
    check_extension(study, older())
    assert (study.methods, study.seeds, study.evaluate, study.dialogues) == (("hybrid",), (1,), ("val",), 9)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"base": "other"}, "'base' is that of 'demo', which it extends; leave it out."),
        ({"dtype": "float32"}, "'dtype' is that of 'demo', which it extends; leave it out."),
        ({"split": [0.5, 0.25, 0.25]}, "'split' is that of 'demo', which it extends; leave it out."),
        ({"training": {"epochs": 9}}, "'training' is that of 'demo', which it extends; leave it out."),
        ({"method": {"hybrid": OWN["mine"]}}, "'method' is that of 'demo', which it extends; leave it out."),
        ({"seeds": [7]}, "'demo', which it extends, has no seed 7; take one of its own."),
        ({"methods": ["prefix-persona"]}, "has no method 'prefix-persona'; it has hybrid, base, unified."),
    ],
)
def test_what_the_older_study_did_otherwise_or_not_at_all_is_refused(said, sentence):
    demo = older(("hybrid", "base"), method={}) if "methods" in said or "method" in said else older()
    with pytest.raises(LabError) as error:
        check_extension(newcomer(demo, **said), demo)
    assert str(error.value).startswith("study 'demo+anna': ")
    assert str(error.value).endswith(sentence)


def test_newcomers_join_the_study_and_not_each_other():
    with pytest.raises(LabError, match=r"'demo.anna' has the newcomers of 'demo' only; extend 'demo' itself"):
        check_extension(newcomer(newcomer(older()), name="demo+anna+bob"), newcomer(older()))


def test_a_persona_who_is_there_is_no_newcomer():
    check_newcomers(newcomer(older()), ["anna", "bob"], {"carl"})
    with pytest.raises(LabError, match="persona 'bob' is in study 'demo' already; give the new one an id of its own"):
        check_newcomers(newcomer(older()), ["anna", "bob"], {"bob", "carl"})
