"""`lab cancel` of several jobs: what can be done is done, and what cannot is told."""

from __future__ import annotations

from pathlib import Path

from household import bring_in, done, plan, study
from lab_command import lab, refused
from planned import states


def test_what_cannot_be_cancelled_keeps_nothing_else_from_it(lab_home: Path, tmp_path: Path) -> None:
    data = bring_in(tmp_path / "people")
    study(data, *(plan(key, data) for key in "abcd"))
    done()
    assert refused("cancel", "2", "99", "1", "3", "2") == (
        "there is no job 99; `lab jobs` lists them. job 1 is SUCCEEDED; it has ended."
    )
    assert states([1, 2, 3, 4]) == ["SUCCEEDED", "CANCELLED", "CANCELLED", "READY"]


def test_what_was_done_is_told_beside_it(lab_home: Path, tmp_path: Path) -> None:
    data = bring_in(tmp_path / "people")
    study(data, *(plan(key, data) for key in "ab"))
    assert lab("cancel", "1", "2").splitlines() == ["job 1: CANCELLED", "job 2: CANCELLED"]


def test_a_study_is_cancelled_but_for_what_has_ended_or_is_anothers_too(lab_home: Path, tmp_path: Path) -> None:
    data = bring_in(tmp_path / "people")
    ended, shared = plan("ended", data), plan("shared", data)
    parent = plan("parent", data)
    study(data, ended, shared, parent, plan("child", data, "parent"), name="one")
    study(data, shared, name="two")
    done()
    lab("cancel", "--study", "one")
    assert states([1, 2, 3, 4]) == ["SUCCEEDED", "READY", "CANCELLED", "CANCELLED"]
    assert lab("cancel", "--study", "one").strip() == "nothing to cancel."
    assert "no study named 'three'" in refused("cancel", "--study", "three")


def test_jobs_or_a_study_are_named(lab_home: Path) -> None:
    for words in ((), ("1", "--study", "one")):
        assert refused("cancel", *words) == "lab cancel: name jobs by their ids, or all of a study with --study."


def test_a_job_that_no_study_needs_any_more_is_said_to_be_so(lab_home: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("lab.tasks.local.ensure_running", lambda: None)
    data = bring_in(tmp_path / "people")
    study(data, plan("a", data), plan("b", data))
    lab("cancel", "1", "2")
    study(data, plan("b", data))
    lab("cancel", "2")
    assert lab("retry", "1", "2").splitlines() == ["job 1: READY; no study needs it any more", "job 2: READY"]
