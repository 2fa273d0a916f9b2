"""The store itself: who may use it, what is said when it cannot be used, and that no password is said with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from planned import own_lab
from sftp_server import PASSWORD, QUOTED

from lab.errors import LabError
from lab.settings import load_settings
from lab.store.artifacts import check_store
from lab.store.remote import Remote, StoreError, shown


def test_a_store_that_can_be_written_and_read_is_left_as_it_was(store):
    Remote(store.url).check()
    assert store.files() == []


def test_what_was_written_is_found_and_what_was_not_is_not(store, tmp_path: Path):
    remote = Remote(store.url)
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    assert (remote.read("1/1/nothing"), remote.sizes("1/1"), remote.folders("1")) == (None, {}, [])
    remote.upload(tmp_path / "file", "1/2/a/b/file")
    remote.write("1/2/small", b"12345")
    assert remote.sizes("1/2") == {"a/b/file": 100_000, "small": 5}
    assert (remote.folders("1"), remote.read("1/2/small")) == (["2"], b"12345")
    assert remote.download("1/2/a/b/file", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()
    assert not remote.download("1/2/nothing", tmp_path / "other")
    remote.remove("1")
    remote.remove("1")
    assert remote.sizes("1") == {}


def test_a_server_that_is_gone_is_a_fault_that_may_pass(sftp):
    remote = Remote(sftp.url)
    remote.check()
    sftp.stop()
    try:
        with pytest.raises(StoreError, match=r"sftp://lab:\*\*\*@127.0.0.1:\d+/lab: the store cannot be used"):
            remote.check()
    finally:
        sftp.start()
    remote.check()


def test_a_connection_that_broke_meanwhile_is_made_anew(sftp):
    remote = Remote(sftp.url)
    remote.check()
    sftp.stop()
    sftp.start()
    remote.check()


def test_a_server_that_nobody_vouches_for_is_refused(sftp, sftp_home):
    known = sftp_home / ".ssh/known_hosts"
    text = known.read_text()
    known.write_text("")
    try:
        with pytest.raises(LabError, match="Host key is not trusted"):
            Remote(sftp.url).check()
    finally:
        known.write_text(text)


def test_a_wrong_password_is_refused_and_not_said(sftp):
    with pytest.raises(LabError, match="Permission denied for user lab") as refused:
        Remote(sftp.url.replace("lab:", "lab:wrong-")).check()
    assert "wrong-" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sftp://me:secret@host:22/a", "sftp://me:***@host:22/a"),
        ("sftp://me@host/a", "sftp://me@host/a"),
        ("s3://key:secret@bucket/a?token=secret", "s3://key:***@bucket/a"),
        ("/mnt/shared", "/mnt/shared"),
        ("file:///mnt/shared", "file:///mnt/shared"),
    ],
)
def test_a_url_is_told_without_its_secrets(url, told):
    assert shown(url) == told


def test_the_settings_tell_no_password_of_any_service(tmp_path: Path):
    urls = {
        "LAB_ARTIFACTS_URL": f"sftp://lab:{QUOTED}@host/x",
        "LAB_DATABASE_URL": f"postgresql://lab:{QUOTED}@host/x",
        "LAB_REDIS_URL": f"rediss://lab:{QUOTED}@host/0",
    }
    with own_lab(tmp_path, **urls):
        told = f"{load_settings()!r} {load_settings()}"
    assert QUOTED not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("url", ["sftp", "relative/folder", "sftp://host:0/x", "://x"])
def test_what_is_no_store_is_refused_as_a_setting(tmp_path: Path, url):
    with own_lab(tmp_path, LAB_ARTIFACTS_URL=url), pytest.raises(LabError, match="artifacts_url"):
        load_settings()


@pytest.mark.parametrize("inner", ["", "artifacts", "artifacts/store"])
def test_the_store_and_the_artifacts_folder_do_not_lie_in_each_other(tmp_path: Path, inner):
    store = str(tmp_path / inner)
    with own_lab(tmp_path, LAB_ARTIFACTS_URL=store), pytest.raises(LabError, match="lie in each other"):
        load_settings()


def test_a_shared_folder_that_is_not_mounted_is_not_made(tmp_path: Path):
    with pytest.raises(StoreError, match="there is no such folder"):
        Remote(str(tmp_path / "mount")).check()
    assert not (tmp_path / "mount").exists()


@pytest.mark.parametrize(
    ("url", "mend"), [("nope://x/y", "Protocol not known"), ("gs://bucket", "install fsspec's package")]
)
def test_a_store_that_fsspec_cannot_open_says_what_to_install(url, mend):
    with pytest.raises(LabError, match=mend):
        Remote(url).check()


def test_doctor_says_where_the_store_is(tmp_path: Path):
    (tmp_path / "shared").mkdir()
    with own_lab(tmp_path, LAB_ARTIFACTS_URL=str(tmp_path / "shared")):
        assert check_store() == f"{tmp_path / 'shared'}, can be written and read"
    with own_lab(tmp_path):
        assert check_store().startswith("none")


def test_nothing_of_fsspec_is_imported_before_there_is_a_store():
    code = "import lab.tasks.executor, lab.cli.app, sys; sys.exit('fsspec' in sys.modules or 'asyncssh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
