"""`lab methods`: the field on one page, and what one of them would run."""

from __future__ import annotations

import tomllib

import orjson
import pytest

from lab.methods.method import Method
from lab.methods.spec import catalog


def test_every_method_is_listed_with_what_it_is(shell):
    listed = orjson.loads(shell.ok("methods", "--json"))
    assert [method["name"] for method in listed] == list(catalog())
    told = shell.ok("methods")
    assert all(name in told for name in catalog())


def test_a_method_is_shown_as_it_could_be_written_with_the_jobs_it_would_run(shell):
    told = shell.ok("methods", "show", "anchor+delta")
    declaration, _, jobs = told.partition("\n\njob")
    (method,) = tomllib.loads(declaration)["method"].values()
    assert Method(**method).model_dump() == catalog()["anchor+delta"].model_dump()
    kinds = [line.split()[1] for line in jobs.strip().splitlines()[1:]]
    assert kinds == ["train", "cluster", "merge", "train", "evaluate", "evaluate"]


@pytest.mark.parametrize("name", ["retrieval", "cluster", "constrained", "meta"])
def test_no_table_is_shown_empty(shell, name):
    def filled(table: dict) -> bool:
        return bool(table) and all(filled(part) for part in table.values() if isinstance(part, dict))

    assert filled(orjson.loads(shell.ok("methods", "show", name, "--json"))["methods"])


def test_evaluations_are_told_apart_by_their_split(shell):
    told = [line.split()[1:3] for line in shell.ok("methods", "show", "base").splitlines() if "evaluate" in line]
    assert told == [["evaluate", "base/val"], ["evaluate", "base/test"]]


def test_a_name_for_several_shows_all_of_them(shell):
    shown = orjson.loads(shell.ok("methods", "show", "retrieval", "--json"))
    assert list(shown["methods"]) == [f"retrieval-k{k}" for k in (0, 1, 3, 5, 10)]
    assert sum(job["kind"] == "train" for job in shown["jobs"]) == 1, "what they stand on is trained once"
    assert shown["jobs"][1]["after"] == [1]


def test_an_unknown_method_is_one_sentence(shell):
    assert "there is no method 'hybird'; did you mean 'hybrid'?" in shell.refused("methods", "show", "hybird")
