"""Checkpoints in the store: another machine goes on where one was lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from stores import compute

from lab.store.artifacts import Artifacts
from lab.store.checkpoints import fetched_checkpoint, publish_checkpoint, tidy
from lab.store.remote import StoreError

FOLDER = "12/1/checkpoint"


def save(artifacts: Artifacts, folder: str = FOLDER, **files: str) -> None:
    """Write a checkpoint of these files and publish it."""
    for name, text in files.items():
        path = artifacts.root / folder / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    publish_checkpoint(artifacts, folder)


def read(folder: Path | None) -> dict[str, str] | None:
    return None if folder is None else {path.name: path.read_text() for path in (folder / "run").iterdir()}


def test_another_machine_goes_on_from_the_newest(machine):
    one = machine("one")
    save(one, state="step 1")
    save(one, state="step 2", finished="0")
    assert read(fetched_checkpoint(machine("other"), FOLDER)) == {"state": "step 2", "finished": "0"}


def test_of_older_ones_nothing_is_left_and_what_did_not_change_is_not_sent_again(machine, store):
    one = machine("one")
    save(one, state="step 1", finished="0")
    kept = store.folder / FOLDER / hashlib.sha256(b"0").hexdigest()
    stood = kept.stat().st_mtime_ns
    save(one, state="step 2")
    assert kept.stat().st_mtime_ns == stood
    assert len(store.files()) == 3  # a manifest and two files


def test_an_upload_that_was_interrupted_leaves_the_one_before(machine, store):
    one = machine("one")
    save(one, state="step 1")
    (store.folder / FOLDER / hashlib.sha256(b"step 2").hexdigest()).mkdir()  # in the way
    with pytest.raises(StoreError):
        save(one, state="step 2")
    assert read(fetched_checkpoint(machine("other"), FOLDER)) == {"state": "step 1"}


@pytest.mark.parametrize("manifest", ["", '{"files": {"run/state": "'])
def test_half_a_manifest_is_none(machine, store, manifest):
    one = machine("one")
    save(one, state="step 1")
    store.put(f"{FOLDER}/000009.json", manifest.encode())
    assert read(fetched_checkpoint(machine("other"), FOLDER)) == {"state": "step 1"}


def test_a_damaged_one_costs_its_time_and_nothing_else(machine, store):
    save(machine("one"), state="step 1")
    store.put(f"{FOLDER}/{hashlib.sha256(b'step 1').hexdigest()}", b"step 9")
    other = machine("other")
    assert fetched_checkpoint(other, FOLDER) is None
    assert not (other.root / FOLDER).exists()
    assert list((other.root / "12/1").iterdir()) == []


def test_the_one_that_lies_here_is_used_and_none_is_none(machine, store):
    one = machine("one")
    save(one, state="step 1")
    for name in store.files():
        (store.folder / name).unlink()
    assert read(fetched_checkpoint(one, FOLDER)) == {"state": "step 1"}
    assert fetched_checkpoint(machine("other"), FOLDER) is None


def test_after_the_commit_only_the_artifact_is_left(machine, store):
    one = machine("one")
    save(one, "12/1/checkpoint", state="of the attempt before")
    save(one, "12/3/checkpoint", state="step 9")
    store.put("12/2/half", b"an upload that its worker did not live to end")
    store.put("13/1/checkpoint/000001.json", b"of another job")
    compute(one, "12/3", {"recipes.json": "{}"})
    one.publish("12/3")
    tidy(one, 12, 3)
    assert store.files() == ["12/3/manifest.json", "12/3/recipes.json", "13/1/checkpoint/000001.json"]
