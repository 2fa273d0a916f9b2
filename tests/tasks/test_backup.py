"""`lab backup` and `lab restore`: a lab comes back as it was, on whatever database, or nothing happens at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import orjson
import pytest
from household import Attempt, bring_in, done, ids, is_whole, plan, root, start, study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned import claimed, job, own_lab, states
from sqlmodel import SQLModel, select

from lab.db import jobs, migrate
from lab.db.engine import connected, reading
from lab.db.tables import Dataset, RunMetric, Score, Study, Worker
from lab.errors import LabError
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.tasks import backup as packing
from lab.tasks.archive import checked
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


def furnish(folder: Path) -> None:
    """1 done, 2 done on top of it, 3 running with a checkpoint, 4 ready, 5 blocked, 6 failed with a checkpoint."""
    data = bring_in(folder)
    kept = root() / "data" / "mine"
    shutil.copytree(root() / data.folder, kept)
    study(
        data,
        plan("base", data),
        plan("above", data, "base"),
        plan("running", data),
        plan("ready", data),
        plan("blocked", data, "ready"),
        plan("failed", data),
    )
    first = done()
    second = start()
    jobs.record(second.lease, [RunMetric(job=2, series="train", group="ä", step=1, value=0.1 + 0.2)], ["a «line»"])
    second.finish([first.adapter], [Score(job=2, persona_id="0", task_type="", metric="m", value=1 / 3, n=3)])
    start().checkpoint(7)
    ready = Attempt(claimed())
    failed = start()
    assert failed.lease.job == 6
    failed.checkpoint(3)
    jobs.fail(failed.lease, "error", for_good=True)
    jobs.hand_back(ready.lease, "waits")


def rows() -> dict[str, list[tuple]]:
    """Every table but the workers', in a fixed order."""
    with connected(writing=False) as connection:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "worker"]
        return {one.name: sorted((tuple(row) for row in connection.execute(one.select())), key=repr) for one in tables}


def tree(folder: Path) -> dict[str, bytes]:
    """File → content, of all that is not the database's or the queue's."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("lab.db"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


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


def test_a_file_that_is_there_is_not_overwritten(lab_home, tmp_path):
    (tmp_path / "lab.tar").write_text("precious")
    with pytest.raises(LabError, match=r"lab.tar is there already; name another file"):
        backup(tmp_path / "lab.tar")
    with pytest.raises(LabError, match="was not written"):
        backup(tmp_path / "no" / "folder" / "lab.tar")
    assert (tmp_path / "lab.tar").read_text() == "precious"


def test_a_damaged_artifact_is_told_and_no_file_is_left(lab_home, tmp_path):
    furnish(tmp_path / "people")
    (root() / "2/1/adapters/0000/adapter_model.safetensors").write_bytes(b"changed")
    with pytest.raises(LabError, match=r"adapter_model.safetensors: changed since its job succeeded"):
        backup(tmp_path / "lab.tar")
    assert not list(tmp_path.glob("*.tar*")) + list(tmp_path.glob(".*"))
    assert not list(root().glob(".*"))


def test_a_folder_in_the_way_is_told(lab_home, tmp_path, new_lab):
    furnish(tmp_path / "people")
    backup(tmp_path / "lab.tar")
    artifacts = new_lab("sqlite")
    (artifacts / "2").mkdir()
    with pytest.raises(LabError, match="2 is there already, though no row names it; move it out of the way"):
        restore(tmp_path / "lab.tar")
    assert is_empty(artifacts)
    (artifacts / "2").rmdir()
    restore(tmp_path / "lab.tar")


def is_empty(artifacts: Path) -> bool:
    """Nothing was restored, and nothing is left of the attempt."""
    assert ids() == []
    with reading() as session:
        assert session.exec(select(Study)).all() == []
        assert session.exec(select(Worker)).all() == []
    assert tree(artifacts) == {}
    return not list(artifacts.glob(".*"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup."""
    home = tmp_path_factory.mktemp("packed")
    with own_lab(home):
        migrate.migrate()
        furnish(home / "people")
        backup(home / "lab.tar")
    return (home / "lab.tar").read_bytes()


def refused(artifacts: Path, content: bytes) -> str:
    """What a file of this content is refused with; nothing was changed."""
    file = artifacts.parent / "odd.tar"
    file.write_bytes(content)
    with pytest.raises(LabError) as caught:
        restore(file)
    said = str(caught.value)
    assert said.startswith(f"{file} was not restored, and nothing was changed: ")
    assert "\n" not in said
    assert said.endswith(".")
    assert is_empty(artifacts)
    return said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(lab_home, packed, share):
    refused(lab_home, packed[: int(len(packed.rstrip(b"\0")) * share)])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_changed_byte_is_noticed_wherever_it_is(lab_home, packed, draw):
    place = draw.draw(st.integers(0, len(packed.rstrip(b"\0")) - 1))
    changed = bytearray(packed)
    changed[place] ^= draw.draw(st.integers(1, 255))
    file = lab_home.parent / "odd.tar"
    file.write_bytes(changed)
    try:
        restore(file)
    except LabError:
        assert is_empty(lab_home)
    else:  # in what a tar has beside its members: padding, times, owners; what came of it is whole
        assert is_whole()
        clear(lab_home)


def clear(artifacts: Path) -> None:
    """An empty lab again."""
    with connected(writing=True) as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())
    for path in artifacts.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b" + b"x" * 600, b"\0" * 10240])
def test_what_is_no_backup_is_refused(lab_home, content):
    refused(lab_home, content)


def test_a_file_that_is_not_there_is_refused(lab_home):
    with pytest.raises(LabError, match="No such file"):
        restore(lab_home / "nothing.tar")


# ---------------------------------------------------------------- what leads elsewhere


def remade(packed: bytes, change: Callable[[dict[str, bytes]], None], *odd: tarfile.TarInfo) -> bytes:
    """The same backup by somebody who does not mean well: digests and sizes fit what is in it."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    manifest = orjson.loads(members.pop("manifest.json"))
    change(members)
    digests = {name: {"size": len(one), "sha256": hashlib.sha256(one).hexdigest()} for name, one in members.items()}
    manifest["members"] = digests | {info.name: {"size": 0, "sha256": hashlib.sha256().hexdigest()} for info in odd}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in (members | {"manifest.json": orjson.dumps(manifest)}).items():
            if name == "manifest.json":
                for info in odd:
                    tar.addfile(info)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def odd_member(kind: bytes, name: str = "files/1/1/odd", link: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(lab_home, packed, kind):
    assert "files/1/1/odd in it is no plain file" in refused(lab_home, remade(packed, lambda _: None, odd_member(kind)))


@pytest.mark.parametrize(
    "name",
    ["../odd", "/odd", "files/../odd", "files/1/../../odd", "odd", "files/lab.db", "files/run/queue.sock", "rows/../x"],
)
def test_names_that_lead_elsewhere_are_refused(lab_home, packed, name):
    said = refused(lab_home, remade(packed, lambda members: members.update({name: b"odd"})))
    assert "which no backup has" in said
    assert not (lab_home.parent / "odd").exists()


def test_a_file_that_is_there_twice_is_refused(lab_home, packed):
    assert "no plain file" in refused(
        lab_home, remade(packed, lambda _: None, odd_member(tarfile.SYMTYPE, "files/1/1/recipes.json"))
    )
    twice = odd_member(tarfile.REGTYPE, "files/1/1/recipes.json")
    assert "not those of its manifest" in refused(lab_home, remade(packed, lambda _: None, twice))


def with_row(table: str, column: str, value: object) -> Callable[[dict[str, bytes]], None]:
    """Another value in the first row of a table."""

    def change(members: dict[str, bytes]) -> None:
        names, *lines = map(orjson.loads, members[f"rows/{table}.jsonl"].splitlines())
        lines[0][names.index(column)] = value
        members[f"rows/{table}.jsonl"] = b"\n".join(map(orjson.dumps, [names, *lines])) + b"\n"

    return change


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("job", "artifact", "../../etc", "names the folder '../../etc'"),
        ("job", "checkpoint", "/etc", "names the folder '/etc'"),
        ("dataset", "folder", "datasets/../../x", "names the folder"),
        ("dataset", "folder", "datasets/none", "data set people is missing in it"),
        ("job", "manifest", "f" * 64, "missing or not the committed one"),
        ("job", "state", "ASLEEP", "'ASLEEP'"),
        ("job", "created_at", "yesterday", "yesterday"),
        ("job", "id", 2, "UNIQUE"),
        ("studyjob", "job", 99, "FOREIGN KEY"),
        ("job", "attempt", 2**64 - 1, "too large"),
        ("job", "kind", None, "NOT NULL"),
    ],
)
def test_rows_that_do_not_fit_are_refused(lab_home, packed, table, column, value, says):
    assert says in refused(lab_home, remade(packed, with_row(table, column, value)))


def test_columns_are_no_sql(lab_home, packed):
    def change(members: dict[str, bytes]) -> None:
        members["rows/study.jsonl"] = members["rows/study.jsonl"].replace(b'"base"', b'"base) VALUES (1); --"', 1)

    assert "has a column 'base) VALUES (1); --'" in refused(lab_home, remade(packed, change))


NAMES = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["..", ".", "", "files", "rows", "1", "data", "a", "\\", "\0", "~", "x.jsonl"]), max_size=6
    ).map("/".join),
    st.from_regex(r"files/(1|data|datasets)(/[^/]{1,8}){1,4}", fullmatch=True),
)


@settings(max_examples=500)
@given(name=NAMES)
def test_a_name_that_is_let_in_stays_inside_its_folder(name):
    try:
        checked(name)
    except LabError:
        return
    top = PurePosixPath("/lab/temporary")
    inside = top / name
    assert inside.is_relative_to(top / "rows") or inside.is_relative_to(top / "files")
    assert ".." not in inside.parts
    assert inside.as_posix() == f"{top}/{name}", "nothing in it is left out or doubled"
    assert not any(ord(letter) < 32 for letter in name)


@settings(max_examples=200)
@given(
    st.from_regex(
        r"\A(rows/[a-z]{1,9}\.jsonl|files/([1-9][0-9]?/[1-9]|datasets/[0-9a-f]{16}|data/[A-Za-z0-9][\w.-]{0,9})/[a-z][a-z_.-]{0,9})\Z"
    )
)
def test_names_that_a_backup_has_are_let_in(name):
    if not name.isascii():
        return
    assert checked(name) == name


# ---------------------------------------------------------------- other versions


def test_a_backup_of_a_newer_version_is_refused(lab_home, packed):
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        revision = orjson.loads(tar.extractfile("manifest.json").read())["revision"]  # type: ignore[union-attr]
    newer = packed.replace(f'"revision": "{revision}"'.encode(), b'"revision": "9999"')
    assert newer != packed
    assert "it has schema 9999 of a newer Persona Lab; use that version." in refused(lab_home, newer)


def test_a_backup_of_an_older_schema_is_brought_up(lab_home, packed, tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", folder)
    head = migrate._revisions()[-1]
    (folder / "versions" / "9000_next.py").write_text(
        f"revision, down_revision = '9000', '{head}'\n"
        "branch_labels = depends_on = None\n"
        "from alembic import op\n"
        "def upgrade(): op.execute(\"UPDATE job SET note = 'brought up'\")\n"
    )
    monkeypatch.setattr(migrate, "_FOLDER", folder)
    migrate._revisions.cache_clear()
    try:
        file = lab_home.parent / "lab.tar"
        file.write_bytes(packed)
        restore(file)
        assert job(1).note == "brought up"
        assert is_whole()
    finally:
        monkeypatch.undo()
        migrate._revisions.cache_clear()
