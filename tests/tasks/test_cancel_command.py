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
