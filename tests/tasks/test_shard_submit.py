"""Studies over several devices, in the database: shards and their joins are jobs like any others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planned import all_jobs, claimed, forget_settings, states, succeed_on_disk
from test_submit import write_data
from typer.testing import CliRunner

from lab.cli.app import app
from lab.db import jobs
from lab.db.invariants import check_invariants
from lab.db.queries import books, get_study, list_jobs
from lab.db.scores import evaluated_splits
from lab.db.studies import save_study
from lab.db.tables import Job, Study
from lab.settings import load_settings
from lab.tasks import submit as submitting
from lab.tasks.submit import prepare, submit

On = Callable[[int], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> On:
    """Sets how many devices there are."""

    def devices(number: int) -> None:
        monkeypatch.setattr(submitting, "live_devices", lambda: tuple(f"cuda:{n}" for n in range(number)))

    devices(2)
    return devices


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(write_data(tmp_path / "homes", personas=16))


@pytest.fixture(autouse=True)
def all_is_well(database: str):
    yield
    assert check_invariants() == []


def run(data: str, *methods: str, **options: Any) -> list[int]:
    """Submit; gives the ids of the study's jobs."""
    return submit(None, {"data": data, "base": "b", "evaluate": ["test"], "methods": list(methods)} | options)[1]


def shape() -> list[tuple[str, str, str]]:
    """(kind, whose, state) of every job, oldest first."""
    return [(job.kind, job.whose, str(job.state)) for job in reversed(list_jobs())]


def keys(ids: list[int]) -> set[str]:
    return {job.key for job in all_jobs() if job.id in ids}


def succeed_all() -> None:
    """Every job that there is, with something on disk."""
    while claim := jobs.claim("work", "worker", "cpu"):
        succeed_on_disk(claim.lease)


def test_two_devices_get_a_shard_each_of_what_is_large(data, on):
    run(data, "persona")
    assert shape() == [
        ("train", "persona 1/2", "READY"),
        ("train", "persona 2/2", "READY"),
        ("join", "persona", "BLOCKED"),
        ("evaluate", "persona 1/2", "BLOCKED"),
        ("evaluate", "persona 2/2", "BLOCKED"),
        ("join", "persona", "BLOCKED"),
    ]
    study = get_study()
    assert {study.name} == {name for job in list_jobs() for name in job.studies}, "shards are its jobs too"
    assert list(evaluated_splits(study.id)) == ["test"]
    succeed_all()
    assert [book.job for book in books(study.id)] == [3], "only the join has a recipe for everybody"


def test_the_same_study_has_the_same_keys_on_one_device_and_on_two(data, on):
    two = keys(run(data, "unified", "hybrid"))
    on(1)
    plan = prepare(
        None, {"data": data, "base": "b", "evaluate": ["test"], "methods": ["unified", "hybrid"], "name": "again"}
    )
    assert {job.key for job in plan.jobs} <= two


def test_what_has_succeeded_whole_is_not_computed_again_in_shards(data, on):
    on(1)
    ids = run(data, "persona")
    succeed_all()
    on(2)
    assert run(data, "persona") == ids
    assert {state for _, _, state in shape()} == {"SUCCEEDED"}


def test_what_has_succeeded_in_shards_is_not_computed_again_whole(data, on):
    ids = run(data, "persona")
    succeed_all()
    on(1)
    prepared = prepare(None, {"data": data, "base": "b", "evaluate": ["test"], "methods": ["persona"]})
    assert prepared.reused == {job.key for job in prepared.jobs}
    assert run(data, "persona") == ids


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1), (2, 3)])
def test_what_waits_is_joined_as_it_is(data, on, first, then):
    on(first)
    ids = run(data, "persona")
    on(then)
    assert run(data, "persona", name="another") == ids
    assert run(data, "persona") == ids


def test_two_who_submit_at_once_name_the_shards_both(data, on):
    """The second planned before the first had queued anything, and saw one device."""
    on(1)
    whole = prepare(None, {"data": data, "base": "b", "evaluate": ["test"], "methods": ["persona"], "name": "second"})
    on(2)
    run(data, "persona", name="first")
    row = Study(name="second", spec=whole.spec.model_dump(mode="json"), dataset=whole.dataset.digest, base="b")
    save_study(row, whole.jobs, max_tries=2)
    assert {len(job.studies) for job in list_jobs()} == {2}
    run(data, "base", name="first")
    succeed_all()
    assert [job.state for job in list_jobs(get_study("second").id)] == ["SUCCEEDED"] * 6


def test_the_plan_shows_shards_before_anything_is_queued(data, monkeypatch):
    monkeypatch.setenv("LAB_DEVICES", '["cuda:0", "cuda:1"]')
    forget_settings()
    done = CliRunner().invoke(app, ["run", "--data", data, "--base", "b", "--methods", "persona", "--plan"])
    rows = [line.split()[:4] for line in done.output.splitlines()]
    for row in (["1", "train", "persona", "1/2"], ["2", "train", "persona", "2/2"], ["6", "join", "persona/val", "4,"]):
        assert row in rows
    assert "3 large jobs are split into shards, one for each device, and joined again" in done.output
    assert "on this machine's 2 devices" in done.output
    assert list_jobs() == []


def test_a_shard_that_fails_for_good_skips_the_join_and_what_stands_on_it_until_it_is_tried_again(data, on):
    ids = run(data, "persona")
    jobs.fail(claimed(), "poison", for_good=True)
    assert states(ids) == ["FAILED", "READY", "SKIPPED", "SKIPPED", "SKIPPED", "SKIPPED"]
    succeed_on_disk(claimed())
    jobs.retry(ids[0])
    assert states(ids) == ["READY", "SUCCEEDED", "BLOCKED", "BLOCKED", "BLOCKED", "BLOCKED"]
    succeed_all()
    assert set(states(ids)) == {"SUCCEEDED"}


def test_a_cancelled_shard_skips_the_join_and_the_study_submitted_again_revives_both(data, on):
    ids = run(data, "persona")
    jobs.cancel(ids[1])
    assert states(ids)[:3] == ["READY", "CANCELLED", "SKIPPED"]
    assert run(data, "persona") == ids
    assert states(ids)[:3] == ["READY", "READY", "BLOCKED"]


def test_a_study_that_changes_lets_go_of_its_shards(data, on):
    ids = run(data, "persona", name="study")
    run(data, "base", name="study")
    assert states(ids) == ["CANCELLED", "CANCELLED", *["SKIPPED"] * 4]


def test_a_shard_that_lost_its_adapters_is_trained_anew_and_joined_anew(data, on):
    ids = run(data, "persona")
    succeed_all()
    (load_settings().artifacts / f"{ids[1]}/1/result").write_text("not what was committed")
    again = run(data, "persona")
    assert (again[0], again[1] in ids, again[2] in ids) == (ids[0], False, False)
    assert states(again[:3]) == ["SUCCEEDED", "READY", "BLOCKED"]


def test_the_join_reads_the_shards_and_nothing_else(data, on):
    run(data, "hybrid")
    rows: list[Job] = all_jobs()
    (join,) = (job for job in rows if job.kind == "join" and job.spec["joins"] == "train")
    assert sorted(role for role in join.spec["inputs"] if role.startswith("shard")) == ["shard 0", "shard 1"]
    for _ in range(3):
        succeed_on_disk(claimed())
    claim = jobs.claim("work", "worker", "cpu")
    assert claim is not None
    assert (claim.kind, len(claim.parents)) == ("join", 2)
