"""`lab backup` and `lab restore`: a lab comes back as it was, on whatever database, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from household import Attempt, bring_in, clear, done, furnish, ids, is_whole, plan, root, start, study, tree
from planned import claimed, forget_settings, job, own_lab, states
from sqlmodel import SQLModel, select

from lab.db import jobs, migrate
from lab.db.engine import connected, reading
from lab.db.reuse import forget
from lab.db.tables import Dataset
from lab.errors import LabError
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.store.checkpoints import publish_checkpoint
from lab.tasks import backup as packing
from lab.tasks.backup import backup
from lab.tasks.restore import restore

NewLab = Callable[[str], Path]


@pytest.fixture
def new_lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewLab]:
    """Leave the lab at hand for an empty one on this kind of database."""
    with contextlib.ExitStack() as stack:

        def enter(kind: str) -> Path:
            url = {} if kind == "sqlite" else {"LAB_DATABASE_URL": request.getfixturevalue("postgres")()}
            artifacts = stack.enter_context(own_lab(tmp_path / f"new-{kind}", **url))
            migrate.migrate()
            return artifacts

        yield enter


def rows() -> dict[str, list[tuple]]:
    """Every table but the workers', in a fixed order."""
    with connected(writing=False) as connection:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "worker"]
        return {one.name: sorted((tuple(row) for row in connection.execute(one.select())), key=repr) for one in tables}


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_lab_comes_back_as_it_was_on_either_database(database, target, tmp_path, new_lab):
    furnish(tmp_path / "people")
    before, files = rows(), tree(root())
    packed = backup(tmp_path / "lab.tar")
    assert (packed.jobs, packed.bytes) == (6, (tmp_path / "lab.tar").stat().st_size)
    assert (rows(), tree(root())) == (before, files), "a backup changes nothing"
    new_lab(target)
    said = restore(tmp_path / "lab.tar")
    assert (said.studies, said.jobs, said.files) == (1, 6, packed.files)
    assert is_whole()
    assert tree(root()) == {name: content for name, content in files.items() if name != "1/1/checkpoint/state"}
    after, running = rows(), job(3)
    assert {name: after[name] for name in after if name != "job"} == {
        name: before[name] for name in before if name != "job"
    }
    assert [row for row in after["job"] if row[0] != 3] == [row for row in before["job"] if row[0] != 3]
    assert (running.state, running.owner, running.note) == ("READY", None, "its worker stayed where it was")
    assert (running.checkpoint, running.checkpoint_step, running.attempt) == ("3/1/checkpoint", 7, 1)


def test_a_restored_lab_goes_on(database, tmp_path, new_lab):
    furnish(tmp_path / "people")
    backup(tmp_path / "lab.tar")
    new_lab("postgresql" if database == "sqlite" else "sqlite")
    restore(tmp_path / "lab.tar")
    third = start()
    assert (third.lease.job, third.lease.attempt) == (3, 2)
    third.finish()
    for _ in range(2):
        done()
    jobs.retry(6)
    again = jobs.claim("work", "worker", "cpu")
    assert again is not None
    assert again.checkpoint == "6/1/checkpoint"
    Attempt(again.lease).finish()
    with reading() as session:
        data = session.exec(select(Dataset)).one()
    (new,) = study(data, plan("new", data), name="another")
    assert new == 7
    jobs.record(Attempt(claimed()).lease, logs=["lines are numbered on"])
    assert is_whole()


def test_jobs_asked_to_stop_are_cancelled(lab_home, tmp_path, new_lab):
    data = bring_in(tmp_path / "people")
    study(data, plan("a", data), plan("b", data, "a"))
    start()
    jobs.cancel(1)
    backup(tmp_path / "lab.tar")
    new_lab("sqlite")
    restore(tmp_path / "lab.tar")
    assert states([1, 2]) == ["CANCELLED", "SKIPPED"]
    assert is_whole()


def test_what_nobody_needs_stays_behind(lab_home, tmp_path, new_lab):
    data = bring_in(tmp_path / "people")
    study(data, plan("old", data))
    done()
    shutil.rmtree(root() / "1" / "1" / "adapters")  # whatever became of it
    study(data, plan("new", data))
    done()
    backup(tmp_path / "lab.tar")
    new_lab("sqlite")
    restore(tmp_path / "lab.tar")
    assert ids() == [2]
    assert [path.name for path in root().iterdir() if path.name.isdecimal()] == ["2"]
    assert is_whole()


def test_data_that_was_brought_in_for_a_plan_alone_stays_behind(lab_home, tmp_path, new_lab):
    """`lab run --plan` and a study that is refused leave a row: with it, the backup could not be restored."""
    furnish(tmp_path / "people")
    planned_only = bring_in(tmp_path / "others", seed=1)
    shutil.rmtree(root() / planned_only.folder)
    backup(tmp_path / "lab.tar")
    new_lab("sqlite")
    restore(tmp_path / "lab.tar")
    assert len(rows()["dataset"]) == 1
    assert is_whole()


@pytest.mark.parametrize("damage", ["gone", "a line less"])
def test_data_that_a_study_needs_is_checked(lab_home, tmp_path, damage):
    furnish(tmp_path / "people")
    (folder,) = (root() / "datasets").iterdir()
    if damage == "gone":
        shutil.rmtree(folder)
    else:
        lines = (folder / "dialogues.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "dialogues.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(LabError, match=r"data set people: .* is missing or changed"):
        backup(tmp_path / "lab.tar")


def test_a_checkpoint_of_another_machine_comes_from_the_store(lab_home, tmp_path, monkeypatch, new_lab):
    """Whoever backs up where no job runs had them left out, and was not told."""
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("LAB_ARTIFACTS_URL", str(tmp_path / "store"))
    forget_settings()
    furnish(tmp_path / "people")
    for folder in ("1/1", "2/1", *(f"datasets/{one.name}" for one in (root() / "datasets").iterdir())):
        artifacts().publish(folder)
    publish_checkpoint(artifacts(), "3/1/checkpoint")
    for number in (3, 6):
        shutil.rmtree(root() / f"{number}/1")
    assert backup(tmp_path / "lab.tar").anew == 1, "that of 6 is nowhere"
    new_lab("sqlite")
    restore(tmp_path / "lab.tar")
    assert [job(n).checkpoint_step for n in (3, 6)] == [7, 0]


def test_a_checkpoint_that_is_replaced_meanwhile_is_one_of_one_moment(lab_home, tmp_path):
    data = bring_in(tmp_path / "people")
    study(data, plan("a", data))
    attempt = start()
    attempt.checkpoint(0)
    place = attempt.folder / "checkpoint"
    stop = threading.Event()

    def train() -> None:
        n = 0
        while not stop.is_set():  # a result first, then the state that names it
            n += 1
            for name, content in ((f"result-{n}", ""), ("state", str(n))):
                (place / f"{name}.partial").write_text(content)
                (place / f"{name}.partial").rename(place / name)
            stop.wait(0.003)

    writer = threading.Thread(target=train)
    writer.start()
    try:
        for n in range(5):
            kept = tmp_path / str(n) / "1/1/checkpoint"
            if packing._freeze("1/1/checkpoint", tmp_path / str(n)):
                named = range(1, int((kept / "state").read_text()) + 1)
                assert [k for k in named if not (kept / f"result-{k}").exists()] == []
        backup(tmp_path / "lab.tar")
    finally:
        stop.set()
        writer.join()


def test_a_backup_beside_workers_is_of_one_moment(database, tmp_path, new_lab):
    data = bring_in(tmp_path / "people")
    study(data, *(plan(f"job-{n}", data) for n in range(60)))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set() and (claim := jobs.claim("work", "worker", "cpu")) is not None:
            attempt = Attempt(claim.lease)
            attempt.folder.mkdir(parents=True)
            attempt.checkpoint(1)
            attempt.finish()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    try:
        backups = [backup(tmp_path / f"{n}.tar") for n in range(3)]
    finally:
        stop.set()
        for one in workers:
            one.join()
    assert [one.jobs for one in backups] == [60] * 3
    artifacts = new_lab("sqlite")
    for n in range(3):
        restore(tmp_path / f"{n}.tar")
        assert is_whole()
        assert len(ids()) == 60
        clear(artifacts)


def test_a_lab_with_a_store_is_fetched_from_it_and_restored_to_it(lab_home, tmp_path, monkeypatch, new_lab):
    for name in ("store", "another"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("LAB_ARTIFACTS_URL", str(tmp_path / "store"))
    load_settings.cache_clear()
    furnish(tmp_path / "people")
    for name in ("1/1", "2/1", job(3).spec["data"][:16]):
        artifacts().publish(name if "/" in name else f"datasets/{name}")
    shutil.rmtree(root() / "1")
    backup(tmp_path / "lab.tar")
    new_lab("sqlite")
    monkeypatch.setenv("LAB_ARTIFACTS_URL", str(tmp_path / "another"))
    load_settings.cache_clear()
    restore(tmp_path / "lab.tar")
    assert is_whole()
    there = tmp_path / "another"
    assert (there / "1/1/adapters/0000/adapter_model.safetensors").is_file()
    assert list((there / "3/1/checkpoint").glob("*.json"))
    shutil.rmtree(root() / "2")
    assert is_whole()


# ---------------------------------------------------------------- what is refused


def test_a_lab_in_use_is_not_overwritten(database, tmp_path):
    furnish(tmp_path / "people")
    backup(tmp_path / "lab.tar")
    before, files = rows(), tree(root())
    with pytest.raises(LabError, match="this lab has jobs already, and a backup is restored into an empty one only"):
        restore(tmp_path / "lab.tar")
    assert (rows(), tree(root())) == (before, files)


@pytest.mark.parametrize("where", ["here", "store"])
def test_where_jobs_of_after_the_backup_lie_it_is_not_restored(lab_home, tmp_path, monkeypatch, new_lab, where):
    """New jobs get their numbers: they failed when they were published, after all their work."""
    furnish(tmp_path / "people")
    backup(tmp_path / "lab.tar")
    place = new_lab("sqlite")
    if where == "store":
        place = tmp_path / "store"
        monkeypatch.setenv("LAB_ARTIFACTS_URL", str(place))
        forget_settings()
    (place / "6" / "2").mkdir(parents=True)
    for later in (7, 12):
        (place / str(later) / "1").mkdir(parents=True)
    with pytest.raises(LabError, match=r"its last job is 6, but .* has folders of later ones \(7, 12\), whose numbers"):
        restore(tmp_path / "lab.tar")
    for later in (7, 12):
        shutil.rmtree(place / str(later))
    shutil.rmtree(place / "6")
    assert restore(tmp_path / "lab.tar").jobs == 6


def test_a_file_that_is_there_is_not_overwritten(lab_home, tmp_path):
    (tmp_path / "lab.tar").write_text("precious")
    with pytest.raises(LabError, match=r"lab.tar is there already; name another file"):
        backup(tmp_path / "lab.tar")
    with pytest.raises(LabError, match="was not written"):
        backup(tmp_path / "no" / "folder" / "lab.tar")
    assert (tmp_path / "lab.tar").read_text() == "precious"


def test_two_backups_into_one_file_do_not_write_into_each_other(lab_home, tmp_path, new_lab):
    furnish(tmp_path / "people")
    file = tmp_path / "lab.tar"

    def meanwhile(done: int, total: int) -> None:
        if not file.exists():
            backup(file)

    with pytest.raises(LabError, match=r"lab.tar is there already; name another file"):
        backup(file, meanwhile)
    assert list(tmp_path.glob("*.tar*")) + list(tmp_path.glob(".lab*")) == [file]
    new_lab("sqlite")
    assert restore(file).jobs == 6


def test_a_backup_follows_no_link_to_a_file_of_somebody(lab_home, tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".lab.tar.part").symlink_to(tmp_path / "precious")
    backup(tmp_path / "lab.tar")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "lab.tar").is_symlink()


def test_a_name_that_is_too_long_is_one_sentence(lab_home, tmp_path):
    with pytest.raises(LabError, match=r"was not written \(File name too long"):
        backup(tmp_path / ("x" * 250))


def test_a_damaged_artifact_is_told_and_no_file_is_left(lab_home, tmp_path):
    furnish(tmp_path / "people")
    (root() / "2/1/adapters/0000/adapter_model.safetensors").write_bytes(b"changed")
    with pytest.raises(LabError, match=r"adapter_model.safetensors: changed since its job succeeded"):
        backup(tmp_path / "lab.tar")
    assert not list(tmp_path.glob("*.tar*")) + list(tmp_path.glob(".*"))
    assert not list(root().glob(".*"))


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"two\nlines"])
def test_a_file_with_a_name_that_no_backup_can_hold_is_named(lab_home, name):
    kept = lab_home / "data" / "mine"
    kept.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(kept) + b"/" + name)).write_text("")
    with pytest.raises(
        LabError, match=r"data/mine/(caf|two).* has a name that no backup can hold; rename it, then back"
    ):
        backup(lab_home.parent / "lab.tar")


def test_once_a_lost_artifact_was_made_anew_backups_are_made_again(lab_home, tmp_path, new_lab):
    """Scores stand on what was lost: its row stays where they came from, without its files."""
    data = bring_in(tmp_path / "people")
    jobs_of_it = (plan("base", data), plan("above", data, "base"), plan("scores", data, "above"))
    old = study(data, *jobs_of_it)
    first = done()
    done([first.adapter]), done()
    shutil.rmtree(root() / "1")
    with pytest.raises(LabError, match=r"job 1: .*1/1/manifest.json is missing; run its study again, then back up"):
        backup(tmp_path / "lab.tar")
    for lost in old[:2]:
        forget(lost)
    again = study(data, *jobs_of_it)
    assert again[2] == old[2]
    new = done()
    done([new.adapter])
    backup(tmp_path / "lab.tar")
    new_lab("sqlite")
    restore(tmp_path / "lab.tar")
    assert ids() == sorted({*old, *again})
    assert is_whole()
