"""The embedded queue is its user's alone: others cannot enter its folder, connect, or put a link in its way."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from planned import forget_settings, own_lab

from lab.db.migrate import migrate
from lab.errors import LabError
from lab.safe import SafeStream
from lab.tasks import embedded
from lab.tasks.queue import JobQueue, check_redis, waiting_messages

NOBODY = 65534
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def server():
    """A queue that runs, in a lab that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="lab-open-") as home:
        Path(home).chmod(0o755)
        with own_lab(Path(home)):
            embedded.start()
            yield embedded.socket_path()
            embedded.stop()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_nobody(action) -> str:
    """What another user of this machine meets: the name of the exception, or what the action gives."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = str(action())
        except BaseException as error:
            said = type(error).__name__
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    with os.fdopen(reading) as pipe:
        return pipe.read()


def connect(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(9).decode()


def test_folder_and_socket_are_for_their_owner_alone(server):
    assert mode(server.parent) == 0o700
    assert mode(server) == 0o700
    assert connect(server) == "+PONG\r\n"


@root_only
def test_another_user_cannot_connect(server):
    assert as_nobody(server.parents[1].is_dir) == "True"
    assert as_nobody(lambda: connect(server)) == "PermissionError"
    server.parent.chmod(0o755)  # and were the folder open, the socket is not
    assert as_nobody(lambda: connect(server)) == "PermissionError"
    embedded.runtime_folder()
    assert mode(server.parent) == 0o700


@pytest.fixture
def far_away(lab_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Artifacts so deep that the socket has to be under /tmp."""
    monkeypatch.setenv("LAB_ARTIFACTS", str(lab_home / ("deep" * 30)))
    forget_settings()
    folder = embedded.runtime_folder()
    folder.rmdir()
    yield folder
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.is_dir():
        folder.rmdir()


def test_a_link_in_the_place_of_the_folder_is_refused(far_away: Path, tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    far_away.symlink_to(tmp_path / "theirs")
    with pytest.raises(LabError, match="belongs to somebody else; remove it or choose other artifacts"):
        embedded.runtime_folder()
    assert mode(tmp_path / "theirs") != 0o700


def test_a_link_to_nowhere_and_a_file_are_refused(far_away: Path, tmp_path: Path):
    far_away.symlink_to(tmp_path / "nowhere")
    with pytest.raises(LabError, match="cannot be made"):
        embedded.runtime_folder()
    assert not (tmp_path / "nowhere").exists()
    far_away.unlink()
    far_away.write_text("")
    with pytest.raises(LabError, match="cannot be made"):
        embedded.runtime_folder()


@root_only
def test_a_folder_of_another_user_is_refused(far_away: Path):
    far_away.mkdir()
    os.chown(far_away, NOBODY, NOBODY)
    with pytest.raises(LabError, match="belongs to somebody else"):
        embedded.runtime_folder()


def test_huey_has_no_serializer_that_unpickles(server):
    queue = JobQueue("work")
    assert queue.serializer.serialize({"a": 1}) == b'{"a":1}'
    with pytest.raises(ValueError, match=r"."):
        queue.serializer.deserialize(b"\x80\x04K\x01.")  # the pickle of 1
    assert not queue.results


def test_a_workers_log_cannot_drive_a_terminal(tmp_path: Path):
    with SafeStream((tmp_path / "log").open("wb"), encoding="utf-8", errors="replace") as log:
        print("a persona called \x1b]52;c;aGk=\x07\x9b2J\ud800", file=log)
    assert (tmp_path / "log").read_text() == "a persona called 2J?\n"


@root_only
def test_a_disk_that_went_read_only_is_one_sentence_of_a_worker(server):
    root = server.parent.parent
    embedded.stop()
    migrate()
    read_only = (
        f"mount --bind {root} {root} && mount -o remount,ro,bind {root} || exit 9; exec {sys.executable} -m lab.tasks"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", read_only], capture_output=True, text=True, check=False)
    if done.returncode == 9:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be made or written ([Errno 30] Read-only file system" in done.stderr


@pytest.mark.parametrize("name", ["why?", "100%25", "a b#c"])
def test_it_is_reached_in_a_folder_of_any_name(name: str):
    with tempfile.TemporaryDirectory(prefix="lab-") as home, own_lab(Path(home) / name):
        embedded.start()
        try:
            check_redis()
            assert waiting_messages("work") == 0
        finally:
            embedded.stop()
