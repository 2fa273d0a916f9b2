"""Large jobs in shards: the same keys on any number of devices, nothing twice, nothing left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_estimate import SHAPE, cost, counts

from lab.methods.plan import PlannedJob, plan
from lab.methods.shard import LEAST, in_shard, part_of, shard, shards_of
from lab.methods.spec import catalog, parse_study
from lab.methods.work import works

METHODS = sorted(name for name in catalog() if name != "endpoint")
ENDPOINT = {"parameters": "none", "endpoint": {"url": "http://localhost:1/v1", "model": "m"}}


def planned(*methods: str, **changes: Any) -> list[PlannedJob]:
    content = {"name": "s", "data": "homes", "base": "b", "methods": list(methods), "evaluate": ["test"]}
    return plan(parse_study(content | changes, "s.toml"), "d" * 64)


def joins(jobs: list[PlannedJob]) -> dict[str, list[PlannedJob]]:
    """Key of each join → its shards."""
    by_key = {job.key: job for job in jobs}
    return {job.key: [by_key[key] for key in job.parents] for job in jobs if job.kind == "join"}


plans = st.builds(
    lambda methods, seeds, splits: planned(*methods, seeds=seeds, evaluate=splits),
    st.lists(st.sampled_from(METHODS), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True),
    st.sampled_from([["test"], ["val", "test"]]),
)
few = settings(max_examples=60, deadline=None)


# ---------------------------------------------------------------- every plan, every number of devices


@few
@given(plans, st.integers(1, 12), st.integers(1, 100))
def test_a_plan_in_shards_has_the_keys_of_the_plan_and_those_of_the_shards(jobs, devices, personas):
    found = shard(jobs, devices, personas, {})
    extra = {one.key for shards in joins(found).values() for one in shards}
    assert extra.isdisjoint(job.key for job in jobs)
    assert [job.key for job in found if job.key not in extra] == [job.key for job in jobs], "in the same order"
    assert len({job.key for job in found}) == len(found)


@few
@given(plans, st.integers(1, 12), st.integers(1, 100))
def test_parents_come_before_children(jobs, devices, personas):
    seen: set[str] = set()
    for job in shard(jobs, devices, personas, {}):
        assert set(job.parents) <= seen
        seen.add(job.key)


@few
@given(plans, st.integers(1, 12), st.integers(1, 100))
def test_a_join_is_the_job_that_was_shared_out_and_its_shards_do_all_of_it_once(jobs, devices, personas):
    whole = {job.key: job for job in jobs}
    people = list(range(personas))
    for key, shards in joins(found := shard(jobs, devices, personas, {})).items():
        (join,) = (job for job in found if job.key == key)
        job = whole[key]
        assert (join.method, join.serves, join.makes_book) == (job.method, job.serves, job.makes_book)
        assert join.spec["joins"] == job.kind
        assert shards_of(join.spec) == len(shards) <= devices
        for one in shards:
            assert (one.kind, one.method, one.serves, one.parents) == (job.kind, job.method, job.serves, job.parents)
            assert not one.makes_book, "nobody chats with half of the personas"
            assert {name: value for name, value in one.spec.items() if name != "shard"} == job.spec
        parts = [in_shard(people, one.spec) for one in shards]
        assert [person for part in parts for person in part] == people
        assert min(map(len, parts)) >= LEAST


@few
@given(plans, st.integers(1, 100))
def test_with_one_device_nothing_changes(jobs, personas):
    assert shard(jobs, 1, personas, {}) == jobs


@few
@given(plans, st.integers(2, 12), st.integers(16, 100))
def test_what_is_there_stays_as_it_is_whatever_devices_there_are_now(jobs, devices, personas):
    before = shard(jobs, devices, personas, {})
    known = {job.key: shards_of(job.spec) for job in before}
    for other in (1, devices + 3):
        assert shard(jobs, other, personas, known) == before
    assert shard(jobs, devices, personas, {job.key: 1 for job in jobs}) == jobs


@given(st.integers(0, 300), st.integers(1, 20))
def test_shards_are_a_partition_in_order_and_as_even_as_can_be(people, n):
    parts = [in_shard(range(people), {"shard": [number, n]}) for number in range(n)]
    assert [person for part in parts for person in part] == list(range(people))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


# ---------------------------------------------------------------- which jobs


def sharded(*methods: str, personas: int = 40, **changes: Any) -> set[str]:
    """`kind method` of what is split over two devices."""
    found = joins(shard(planned(*methods, **changes), 2, personas, {}))
    return {f"{shards[0].kind} {shards[0].method}" for shards in found.values()}


def test_what_each_persona_learns_and_every_evaluation_is_split():
    assert sharded("base", "unified", "persona", "hybrid") == {
        "evaluate base",
        "evaluate unified",
        "train persona",
        "evaluate persona",
        "train hybrid",
        "evaluate hybrid",
    }


@pytest.mark.parametrize(
    "method",
    [
        "unified",
        "cluster-kmeans",
        "user-embedding",
        "multitask",
        "mixture-soft",
        "constrained",
        "merge-learned",
        "augmented-unified",
    ],
)
def test_what_groups_share_or_choose_together_is_never_split(method):
    assert f"train {method}" not in sharded(method)
    assert f"evaluate {method}" in sharded(method)


def test_only_trainings_and_evaluations_are_split():
    kinds = {shards[0].kind for shards in joins(shard(planned(*METHODS), 4, 200, {})).values()}
    assert kinds == {"train", "evaluate"}


def test_a_model_elsewhere_is_not_asked_from_two_sides():
    own = {"elsewhere": ENDPOINT, "routed": {"parameters": "none", "route": {"among": ["unified", "elsewhere"]}}}
    assert sharded("elsewhere", "routed", "unified", method=own) == {"evaluate unified"}


@pytest.mark.parametrize(
    ("devices", "personas", "n"), [(2, 15, 1), (2, 16, 2), (10, 16, 2), (10, 200, 10), (3, 200, 3)]
)
def test_shards_are_as_many_as_devices_but_none_is_too_small(devices, personas, n):
    jobs = shard(planned("persona"), devices, personas, {})
    assert [shards_of(job.spec) for job in jobs if not part_of(job.spec)] == [n, n]


def test_what_only_stands_below_newcomers_is_left_alone():
    older = [replace(job, serves=()) for job in planned("persona")]
    assert shard(older, 4, 100, {}) == older


def test_a_shard_says_which_it_is():
    assert [part_of(job.spec) for job in shard(planned("base"), 2, 20, {})] == ["", "1/2", "2/2", ""]


# ---------------------------------------------------------------- what it takes


def test_the_work_of_shards_adds_up_to_that_of_the_whole_and_is_done_side_by_side():
    jobs, people = planned("persona"), counts(personas=40)
    found = shard(jobs, 4, 40, {})
    whole, parts = works(jobs, people, SHAPE, {}), works(found, people, SHAPE, {})
    for key, shards in joins(found).items():
        assert sum(parts[one.key].amount for one in shards) == whole[key].amount
    alone, together = cost(jobs, people).seconds, cost(found, people, lanes=4).seconds
    assert alone / 4 < together < alone / 3, "a little more than a fourth: loading, and the joins"
