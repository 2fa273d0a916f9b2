"""What one machine computed, another fetches: as it is asked for, once, whole, and as its digest says."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from stores import BOOK, compute

from lab.errors import LabError
from lab.store.artifacts import Artifacts
from lab.store.remote import StoreError


def here(artifacts: Artifacts, artifact: str = "12/1") -> set[str]:
    """The files of an artifact on this machine."""
    folder = artifacts.root / artifact
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return names - {"manifest.json", ".fetch"}


@pytest.fixture
def published(machine):
    """A machine that has computed and published 12/1; and another one."""
    one, other = machine("one"), machine("other")
    digest = compute(one, "12/1")
    one.publish("12/1")
    return other, digest


def test_an_artifact_comes_without_its_adapters_which_come_one_by_one(published):
    other, digest = published
    assert (other.fetched("12/1", digest) / "recipes.json").read_text() == "{}"
    assert here(other) == {"recipes.json"}
    assert (other.fetched("12/1/adapters/0002") / "weights").read_text() == "weights of 2"
    assert here(other) == {"recipes.json", "adapters/0002/config", "adapters/0002/weights"}


def test_a_folder_comes_with_its_own_files_and_a_file_alone(published):
    other, _ = published
    other.fetched("12/1/adapters/0000")
    assert here(other) == {"adapters/0000/config", "adapters/0000/weights"}
    other.fetched("12/1/adapters/0001/config")
    assert "adapters/0001/weights" not in here(other)


def test_what_was_fetched_once_is_not_asked_for_again(published, store):
    other, digest = published
    other.fetched("12/1", digest)
    for name in store.files():
        (store.folder / name).unlink()
    assert (other.fetched("12/1", digest) / "recipes.json").is_file()


def test_what_lies_here_of_another_database_under_the_same_name_gives_way(published):
    """Somebody tried the lab alone on this machine first: its job 12 was another one."""
    other, digest = published
    compute(other, "12/1", dict.fromkeys(BOOK, "another lab's"))
    assert (other.fetched("12/1", digest) / "recipes.json").read_text() == "{}"
    assert (other.fetched("12/1/adapters/0002") / "weights").read_text() == "weights of 2"


def test_several_processes_fetch_a_file_once(sftp, tmp_path, machine, request):
    if request.node.callspec.params["store"] != "sftp":
        pytest.skip("only the server counts")
    one = machine("one")
    compute(one, "12/1")
    one.publish("12/1")
    sftp.reads.clear()
    with ThreadPoolExecutor(4) as pool:  # each with locks of its own, as processes have
        list(pool.map(lambda _: machine("other").fetched("12/1/adapters/0001"), range(4)))
    weights = [name for name in sftp.reads if name.endswith("/0001/weights")]
    assert len(weights) == 1


def test_threads_that_ask_at_once_each_get_the_whole_artifact(published):
    """The screens of one process, of an artifact none of them has seen: the manifest is written by each."""
    other, digest = published
    for _ in range(20):
        shutil.rmtree(other.root / "12", ignore_errors=True)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: other.fetched("12/1", digest), range(8)))
        assert {(folder / "recipes.json").read_text() for folder in found} == {"{}"}
    assert here(other) == {"recipes.json"}


def test_what_lies_here_as_it_was_computed_needs_no_store(machine, store):
    one = machine("one")
    digest = compute(one, "12/1")
    assert one.fetched("12/1", digest) == one.root / "12/1"
    assert one.fetched("12/1/adapters/0001").is_dir()
    assert not store.folder.exists() or store.files() == []


@pytest.mark.parametrize(("content", "fault"), [(b"weights of 7", "sha256"), (b"weig", "sha256"), (None, "missing")])
def test_a_file_that_is_not_what_was_committed_is_refused_and_not_kept(published, store, content, fault):
    other, _ = published
    file = store.folder / "12/1/adapters/0001/weights"
    file.write_bytes(content) if content else file.unlink()
    with pytest.raises(LabError, match=rf"12/1/adapters/0001/weights: .*{fault}.*; delete .*manifest.json") as refused:
        other.fetched("12/1/adapters/0001")
    assert not isinstance(refused.value, StoreError), "to try again would not help"
    assert here(other) <= {"adapters/0001/config"}


def test_a_manifest_that_is_not_the_committed_one_is_refused(published, store):
    other, digest = published
    evil = b"[]"
    manifest = orjson.loads((store.folder / "12/1/manifest.json").read_bytes())
    manifest["files"]["recipes.json"] = hashlib.sha256(evil).hexdigest()
    store.put("12/1/recipes.json", evil)
    store.put("12/1/manifest.json", orjson.dumps(manifest))
    with pytest.raises(LabError, match="not the one that was committed"):
        other.fetched("12/1", digest)
    assert here(other) == set()


def test_what_nobody_has_is_one_sentence_and_leaves_no_folder(machine):
    other = machine("other")
    with pytest.raises(LabError, match="neither this machine nor the store has this artifact"):
        other.fetched("13/1")
    assert not (other.root / "13/1").exists()


@pytest.mark.parametrize(
    "path", ["../secret/1", "12/../../secret", "/etc/passwd", "12/1/../../../x", "", "12", "12\0/1"]
)
def test_no_path_leads_out_of_the_artifacts_folder(machine, path):
    with pytest.raises(LabError):
        machine("one").fetched(path)


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "a/../../../../evil"])
def test_a_manifest_that_names_a_file_outside_is_refused(machine, store, tmp_path, name):
    digest = hashlib.sha256(b"evil").hexdigest()
    store.put("12/1/manifest.json", orjson.dumps({"files": {name: digest}}))
    store.put("evil", b"evil")
    with pytest.raises(LabError, match="this is no manifest"):
        machine("one").fetched("12/1")
    assert list(tmp_path.glob("one/**/evil")) == []


def test_a_link_on_this_machine_that_leads_outside_is_not_written_through(published, tmp_path):
    other, _ = published
    (tmp_path / "elsewhere").mkdir()
    (other.root / "12").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="link"):
        other.fetched("12/1")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_the_store_is_not_a_way_to_read_this_machines_files(published, store, tmp_path):
    other, _ = published
    secret = tmp_path / "secret"
    secret.write_text("config of 1")
    file = store.folder / "12/1/adapters/0001/config"
    file.unlink()
    file.symlink_to("/nowhere")
    with pytest.raises(LabError):
        other.fetched("12/1/adapters/0001")
    assert not (other.root / "12/1/adapters/0001/config").exists()


# ---------------------------------------------------------------- publishing


def test_the_manifest_is_there_only_when_all_else_is(machine, store):
    one, other = machine("one"), machine("other")
    compute(one, "12/1")
    in_the_way = store.folder / "12/1/recipes.json"
    in_the_way.mkdir(parents=True)
    with pytest.raises(StoreError):
        one.publish("12/1")
    assert "12/1/manifest.json" not in store.files()
    with pytest.raises(LabError, match="neither this machine nor the store"):
        other.fetched("12/1")
    shutil.rmtree(in_the_way)
    one.publish("12/1")
    assert other.fetched("12/1").is_dir()
    assert set(store.files()) == {f"12/1/{name}" for name in (*BOOK, "manifest.json")}


def test_what_is_there_already_is_not_sent_again_and_what_is_half_there_is(machine, store):
    one = machine("one")
    compute(one, "12/1")
    one.publish("12/1")
    stood = (store.folder / "12/1/adapters/0001/weights").stat().st_mtime_ns
    (store.folder / "12/1/adapters/0002/weights").write_text("weig")
    one.publish("12/1")
    assert (store.folder / "12/1/adapters/0001/weights").stat().st_mtime_ns == stood
    assert (store.folder / "12/1/adapters/0002/weights").read_text() == "weights of 2"


def test_a_data_set_needs_no_manifest_of_its_own(machine):
    one, other = machine("one"), machine("other")
    folder = one.root / "datasets/abc"
    folder.mkdir(parents=True)
    (folder / "personas.jsonl").write_text("{}")
    one.publish("datasets/abc")
    assert (other.fetched("datasets/abc") / "personas.jsonl").read_text() == "{}"


def test_two_labs_do_not_share_a_store(machine):
    one, other = machine("one"), machine("other")
    compute(one, "12/1")
    one.publish("12/1")
    compute(other, "12/1", {"recipes.json": "another lab's"})
    with pytest.raises(LabError, match="give each lab a store of its own"):
        other.publish("12/1")


# ---------------------------------------------------------------- verifying


def test_an_artifact_is_whole_if_its_files_are_here_or_there(published):
    other, digest = published
    other.verify("12/1", digest)
    other.fetched("12/1/adapters/0001")
    other.verify("12/1", digest)
    assert here(other) == {"adapters/0001/config", "adapters/0001/weights"}, "to look is not to fetch"


def test_an_artifact_of_which_a_file_is_nowhere_is_lost(published, store):
    other, digest = published
    (store.folder / "12/1/adapters/0002/weights").unlink()
    with pytest.raises(LabError, match="run its study again"):
        other.verify("12/1", digest)


def test_a_file_that_was_damaged_here_is_fetched_again(published):
    other, digest = published
    file = other.fetched("12/1/adapters/0001") / "weights"
    file.write_text("something else")
    other.verify("12/1", digest)
    assert file.read_text() == "weights of 1"


def test_what_was_computed_before_there_was_a_store_is_published_when_it_is_needed(machine, store):
    one = machine("one")
    one.verify("12/1", compute(one, "12/1"))
    assert "12/1/manifest.json" in store.files()


def test_without_a_store_nothing_is_imported_and_paths_are_only_joined(tmp_path: Path):
    there = Artifacts(tmp_path, None)
    assert there.fetched("12/1/adapters/0001") == tmp_path / "12/1/adapters/0001"
    there.publish("12/1")
    assert list(tmp_path.iterdir()) == []
