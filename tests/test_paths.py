"""A name that others wrote leads nowhere but below its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.paths import folder_at, inside

parts = st.sampled_from(["a", "..", ".", "", "~", "loop", "out", "C:", "a\0b", "x" * 300])


@pytest.mark.parametrize("name", ["12/1", "12/1/adapters/0000", "datasets/0a", "a b/ü", ".hidden", "", "a..b"])
def test_a_plain_name_is_below_the_root(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["..", "../x", "a/../../b", "/etc/passwd", "//x", "a\\b", "a\0b", "a/.."])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="outside"):
        inside(tmp_path, name)


def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "near").symlink_to("real")
    (root / "far").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    assert inside(root, "near/file") == root / "near" / "file"
    for name in ("far", "far/x", "near/../far"):
        with pytest.raises(LabError, match="outside"):
            inside(root, name)
    with pytest.raises(LabError, match="outside"):
        inside(root, "loop/x")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "12").mkdir(parents=True)
    (tmp_path / "root").symlink_to("disk")
    assert inside(tmp_path / "root", "12").is_dir()


@given(st.lists(parts, max_size=5).map("/".join))
def test_whatever_is_not_refused_is_below_the_root(name: str) -> None:
    root = Path("/nowhere/root")
    with contextlib.suppress(LabError):
        assert inside(root, name).resolve().is_relative_to(root)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "~nobody-at-all/x", "", "\x1b[2J", "/etc/passwd"])
def test_what_can_be_no_folder_is_none(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_at(name) in (None, Path())


def test_a_folder_is_found_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "talk").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder_at("~/talk") == tmp_path / "talk"
