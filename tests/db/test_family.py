"""The family of a job: all that it stands on, and all that stands on it."""

from __future__ import annotations

import pytest
from planned import claimed, planned, submit, succeed

from lab.db.family import family
from lab.errors import LabError


@pytest.fixture(autouse=True)
def lab(database):
    """Both databases."""


def test_a_job_has_those_above_it_and_those_below_it_and_no_others():
    a, b, c, d, e = submit(
        planned("a"), planned("b", "a"), planned("c", "a"), planned("d", "b", "c"), planned("e", "c")
    )
    found = family(b)
    assert found.parents == {b: (a,), a: ()}
    assert found.children == {b: (d,), d: ()}
    assert set(found.members) == {a, b, d}
    assert family(a).children == {a: (b, c), b: (d,), c: (d, e), d: (), e: ()}


def test_members_say_how_far_they_are_and_how_many_studies_they_serve():
    a, b = submit(planned("a"), planned("b", "a"), study="one")
    submit(planned("a"), planned("other", "a"), study="two")
    succeed(claimed())
    members = family(b).members
    assert [(str(one.state), one.studies) for one in (members[a], members[b])] == [("SUCCEEDED", 2), ("READY", 1)]


def test_a_thousand_children_are_read_in_one_go():
    jobs = submit(planned("a"), *(planned(f"c{number}", "a") for number in range(1000)))
    assert family(jobs[0]).children[jobs[0]] == tuple(jobs[1:])


def test_a_job_that_is_not_there_has_none():
    with pytest.raises(LabError, match="there is no job 99; `lab jobs` lists them"):
        family(99)
