"""`lab restore` refuses what is damaged, in the way, of a newer version, or means ill: nothing is changed then."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import orjson
import pytest
from household import clear, furnish, ids, is_whole, tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned import job, own_lab
from sqlmodel import select

from lab.db import migrate
from lab.db.engine import reading
from lab.db.tables import Study, Worker
from lab.errors import LabError
from lab.tasks.archive import checked
from lab.tasks.backup import backup
from lab.tasks.restore import restore


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup."""
    home = tmp_path_factory.mktemp("packed")
    with own_lab(home):
        migrate.migrate()
        furnish(home / "people")
        backup(home / "lab.tar")
    return (home / "lab.tar").read_bytes()


def is_empty(artifacts: Path) -> bool:
    """Nothing was restored, and nothing is left of the attempt."""
    assert ids() == []
    with reading() as session:
        assert session.exec(select(Study)).all() == []
        assert session.exec(select(Worker)).all() == []
    assert tree(artifacts) == {}
    return not list(artifacts.glob(".*"))


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


# ---------------------------------------------------------------- what is damaged, or in the way


def test_a_folder_in_the_way_is_told(lab_home, packed):
    (lab_home / "2").mkdir()
    assert "2 is there already, though no row names it; move it out of the way" in refused(lab_home, packed)
    (lab_home / "2").rmdir()
    restore(lab_home.parent / "odd.tar")


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
