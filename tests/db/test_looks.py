"""Looks at test: each plan that was looked at counts once, and none is forgotten."""

from __future__ import annotations

import pytest
from planned import DATA, claimed, enter, planned, submit, succeed

from lab.db.looks import looks, note_look, planned_on_test
from lab.db.queries import get_study
from lab.methods.plan import PlannedJob


@pytest.fixture(autouse=True)
def lab(database):
    """Every look is noted in both databases."""


def evaluation(key: str, method: str, split: str = "test", **spec) -> PlannedJob:
    content = {"data": DATA, "split": split, "seed": 0, **spec}
    return PlannedJob(key, "evaluate", method, content, serves=(method,))


def test_reading_a_plan_is_one_look_however_often_it_is_read_and_whatever_is_done():
    submit(evaluation("a", "unified"), evaluation("b", "hybrid"))
    study = get_study().id
    assert note_look(study, "lab results")
    assert not note_look(study, "Results screen")
    succeed(claimed())
    assert not note_look(study, "lab results"), "it is as it was planned"
    (look,) = looks(DATA)
    assert (look.study, look.by) == ("study", "lab results")
    assert look.methods == {"unified": frozenset("a"), "hybrid": frozenset("b")}


def test_what_is_added_or_changed_is_another_look_and_what_is_taken_out_is_none():
    submit(evaluation("a", "unified"), evaluation("b", "hybrid"))
    study = get_study().id
    note_look(study, "lab results")
    submit(evaluation("a", "unified"))
    assert not note_look(study, "lab results")
    submit(evaluation("a", "unified"), evaluation("c", "hybrid"))
    assert note_look(study, "lab results"), "the hybrid is made otherwise"
    submit(evaluation("a", "unified"), evaluation("b", "hybrid"))
    assert not note_look(study, "lab results"), "both were looked at"
    submit(evaluation("a", "unified"), evaluation("d", "persona"))
    assert note_look(study, "lab results")
    assert [sorted(look.methods) for look in looks(DATA)] == [["hybrid", "unified"]] * 2 + [["persona", "unified"]]


def test_only_test_is_planned_to_be_looked_at_and_shards_are_parts_of_their_join():
    shards = [evaluation(f"s{n}", "unified", shard=[n, 2]) for n in range(2)]
    join = PlannedJob("j", "join", "unified", {"split": "test", "joins": "evaluate"}, ("s0", "s1"), serves=("unified",))
    submit(*shards, join, evaluation("v", "unified", "val"), planned("t", kind="train"))
    assert planned_on_test(get_study().id) == {"unified": frozenset("j")}


def test_a_study_without_test_is_never_looked_at():
    submit(evaluation("v", "unified", "val"))
    assert not note_look(get_study().id, "lab results")
    assert looks(DATA) == []


def test_studies_on_the_same_data_have_looks_of_their_own():
    submit(evaluation("a", "unified"))
    note_look(get_study("study").id, "lab results")
    enter(evaluation("a", "unified"), study="later")
    assert note_look(get_study("later").id, "lab report")
    assert [look.study for look in looks(DATA)] == ["study", "later"]
