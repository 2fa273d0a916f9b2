"""Housekeeping as a person does it: look, clean, back up, restore elsewhere, go on."""

from __future__ import annotations

import shutil

import orjson
import pytest
from conftest import Shell
from tiny_model import save_base

STUDY = """
data = "people"
base = "tiny"
methods = ["base", "unified"]
evaluate = ["test"]
max_new_tokens = 4

[training]
epochs = 1
max_length = 128
"""


@pytest.fixture(scope="module")
def lab(shell):
    """A study of two personas that is over."""
    shell.ok("data", "generate", "people", "--personas", "2", "--dialogues", "6", "--seed", "3")
    shell.ok("data", "import", "people", "--name", "mine")
    save_base(shell.folder / "tiny")
    (shell.folder / "settings.toml").write_text(f'base = "{shell.folder}/tiny"')
    (shell.folder / "small.toml").write_text(STUDY)
    shell.ok("run", "small.toml", "--watch", "--json")
    return shell


def results(lab: Shell) -> dict:
    return orjson.loads(lab.ok("results", "small", "--split", "test", "--json"))


def deep(lab: Shell) -> dict:
    return orjson.loads(lab.ok("doctor", "--deep", "--json"))["deep"]


def test_a_lab_as_it_should_be(lab):
    said = lab.ok("doctor", "--deep")
    assert "no violation in 4 jobs, 4 artifacts, 1 data sets" in said
    assert deep(lab)["violations"] == []


def test_a_finished_job_left_no_checkpoint(lab):
    lab.ok("down")  # the last job's executor has cleared up
    artifacts = lab.folder / "artifacts"
    assert not list(artifacts.glob("*/*/checkpoint"))
    assert len(list(artifacts.glob("*/*/manifest.json"))) == 4


def test_without_yes_nothing_goes(lab):
    before = results(lab)
    found = orjson.loads(lab.ok("clean", "--study", "small", "--json"))
    assert (found["removed"], found["kinds"]["jobs"]["count"]) == (False, 4)
    assert found["bytes"] > 0
    said = lab.ok("clean", "--study", "small")
    assert "jobs that no study names, with their artifacts, curves, logs and scores" in said
    assert said.rstrip().endswith("nothing was removed; with --yes it goes.")
    assert results(lab) == before


def test_a_backup_comes_back_elsewhere_with_the_same_results(lab, tmp_path):
    lab.ok("run", "small.toml", "--methods", "base,persona", "--name", "more")
    lab.ok("down")  # whatever it was doing then waits
    packed = orjson.loads(lab.ok("backup", "lab.tar", "--json"))
    assert packed["bytes"] == (lab.folder / "lab.tar").stat().st_size
    elsewhere = Shell(tmp_path)
    shutil.copy(lab.folder / "settings.toml", tmp_path)
    said = elsewhere.ok("restore", str(lab.folder / "lab.tar"))
    assert said.startswith("restored 2 studies, ")
    assert results(elsewhere) == results(lab)
    assert deep(elsewhere)["violations"] == []
    assert orjson.loads(elsewhere.ok("data", "show", "mine", "--json")) == orjson.loads(
        lab.ok("data", "show", "mine", "--json")
    )
    try:
        elsewhere.ok("up")
        elsewhere.ok("wait", "more", "--json")
    finally:
        elsewhere.lab("down")
    assert deep(elsewhere)["violations"] == []
    said = elsewhere.refused("restore", str(lab.folder / "lab.tar"))
    assert said.startswith("lab: this lab has jobs already, and a backup is restored into an empty one only")


def test_a_backup_that_was_cut_off_is_refused_in_a_sentence(lab, tmp_path):
    whole = lab.folder / "lab.tar"
    (tmp_path / "half.tar").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    said = Shell(tmp_path).refused("restore", "half.tar")
    assert said.startswith(f"lab: {tmp_path}/half.tar was not restored, and nothing was changed: ")
    assert "\n" not in said


def test_what_is_damaged_is_told_and_the_exit_code_says_so(lab):
    book = next((lab.folder / "artifacts").glob("1/*/recipes.json"))
    kept = book.read_bytes()
    book.write_bytes(b"{}")
    try:
        done = lab.lab("doctor", "--deep", "--json")
        assert done.returncode == 1
        (violation,) = orjson.loads(done.stdout)["deep"]["violations"]
        assert violation.startswith(f"job 1: {book}: missing or changed since its job succeeded")
        assert "1 violation in " in lab.lab("doctor", "--deep").stdout
    finally:
        book.write_bytes(kept)


def test_a_study_given_up_goes_with_all_that_only_it_needs(lab):
    lab.ok("clean", "--study", "more", "--yes")
    said = orjson.loads(lab.ok("clean", "--study", "small", "--yes", "--json"))
    assert said["removed"]
    assert said["kinds"]["jobs"]["count"] >= 3
    assert said["database"]["after"] > 0
    assert orjson.loads(lab.ok("status", "--json"))["studies"] == []
    assert orjson.loads(lab.ok("jobs", "--json")) == []
    artifacts = lab.folder / "artifacts"
    assert not [path for path in artifacts.iterdir() if path.name.isdecimal()]
    assert (artifacts / "data" / "mine").is_dir()
    assert deep(lab)["violations"] == []
    assert orjson.loads(lab.ok("run", "small.toml", "--plan", "--json"))["total"]["reused"] == 0


def test_a_study_that_is_not_there_is_refused(lab):
    assert lab.refused("clean", "--study", "nobody") == "lab: there is no study 'nobody'; `lab status` lists them."


def test_nothing_to_clean_is_said(lab):
    lab.ok("clean", "--yes")
    said = lab.ok("clean")
    assert said.startswith("nothing to remove.\n")
    assert "database: " in said, "it is compacted all the same"
