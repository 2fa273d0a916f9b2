"""docs/several-machines.md, as it is written: three workers, one of them lost for good, and a desk that only reads."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import orjson
import psycopg
import pytest
from services import block, free_port, make_certificate, postgres_over_tcp, redis_over_tls
from several import SERVICES, Network, network
from sftp_server import SftpServer, serving_sftp
from tiny_model import save_base

from lab.settings import load_settings

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
QUICK = {
    "LAB_HEARTBEAT_SECONDS": "0.5",
    "LAB_LEASE_SECONDS": "4",
    "LAB_CHECKPOINT_SECONDS": "0.01",
    "LAB_DEVICES": '["cpu"]',
    "OMP_NUM_THREADS": "1",
    "NO_COLOR": "1",
    "COLUMNS": "200",
}


SCREEN = """
import orjson
from lab.db.queries import get_study
from lab.tui.feeds.results import ResultsFeed, Wanted

study, feed = get_study("first"), ResultsFeed()
persona = feed.read(Wanted(study, "test", "persona")).personas[0].persona_id
turns = feed.read(Wanted(study, "test", "persona", persona)).turns
print(orjson.dumps([[answer.method for answer in turn.answers] for turn in turns]).decode())
"""


@dataclass
class Lab:
    """The machines, and what stands on the page with the ports of this test."""

    network: Network
    folder: Path
    ports: dict[str, int]
    rows: str = ""  # how a test reads the database
    workers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def written(self, text: str) -> str:
        """The page's text: its ports, and without root its name of the services, are this test's."""
        name = self.network.name
        text = text.replace(f"{SERVICES}:5432", f"{name}:{self.ports['rows']}")
        text = text.replace(f"{SERVICES}:6380", f"{name}:{self.ports['queue']}")
        text = text.replace(f"{SERVICES}/srv/lab", f"{name}:{self.ports['store']}/srv/lab")
        text = text.replace(f"ssh-keyscan {SERVICES}", f"ssh-keyscan -p {self.ports['store']} {name}")
        return text.replace(SERVICES, name)

    def home(self, machine: str) -> Path:
        return self.folder / machine

    def start(self, machine: str, script: str) -> subprocess.Popen[str]:
        """Run a script on a machine, in its folder."""
        home = self.home(machine)
        settings = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"HOME": str(home), "PATH": path, "LAB_BASE": str(self.folder / "tiny"), "LAB_CACHE": CACHE}
        with (home / "output.log").open("a") as log:
            return subprocess.Popen(
                self.network.command(machine, ["bash", "-euc", self.written(script)]),
                cwd=home,
                env=settings | QUICK | own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if "worker" not in script else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def run(self, machine: str, script: str) -> str:
        """Run it to its end; it must succeed. Returns what it printed."""
        process = self.start(machine, script)
        said, _ = process.communicate(timeout=200)
        assert process.returncode == 0, f"{script}\n{said}\n{(self.home(machine) / 'output.log').read_text()}"
        return said

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the database."""
        with psycopg.connect(self.rows) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]

    def until(self, condition: Callable[[], object], what: str, seconds: float = 90) -> object:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.logs()}"
            assert not self.ask("select id from job where state = 'FAILED'"), self.logs()
            assert all(worker.poll() is None for worker in self.workers.values()), self.logs()
            time.sleep(0.05)
        return found

    def logs(self) -> str:
        jobs = self.ask("select id, kind, method, state, attempt, checkpoint, note, error from job order by id")
        logs = self.ask("select job, text from joblog order by id")
        said = [f"--- {one}\n{(self.home(one) / 'output.log').read_text()}" for one in self.network.machines]
        return "\n".join(map(str, [*jobs, *logs, *said]))

    def computed(self, machine: str) -> set[str]:
        """Artifacts that this machine has made, not fetched."""
        found = (self.home(machine) / "artifacts").glob("[0-9]*/[0-9]*")
        return {f"{one.parent.name}/{one.name}" for one in found if not (one / ".fetch").exists()}


CACHE = str(load_settings().cache)


@contextlib.contextmanager
def services(lab: Lab) -> Iterator[SftpServer]:
    """The page's first part: what runs on the machine of the services."""
    network, here = lab.network, lab.folder / "services"
    here.mkdir()
    make_certificate(here, network.name)
    queue = dict(line.split(maxsplit=1) for line in block("redis").splitlines())
    hba = block("pg_hba").replace("10.0.0.0/8", "10.0.0.0/8" if network.apart else "127.0.0.0/8")
    assert queue["tls-port"] == "6380"
    with (
        postgres_over_tcp(network.address, lab.ports["rows"], block("sql"), hba) as administrator,
        redis_over_tls(
            network.address, lab.ports["queue"], here / "redis.pem", here / "redis.key", queue["requirepass"]
        ),
        serving_sftp(here / "files", here, network.address, lab.ports["store"]) as store,
    ):
        lab.rows = administrator.replace("/postgres?", "/lab?")
        yield store


def prepare(lab: Lab, machine: str, store: SftpServer) -> None:
    """The page's second part, without the installation: keys, settings, and a look at whether all is well."""
    home = lab.home(machine)
    (home / ".ssh").mkdir(parents=True)
    lab.network.add(machine)
    keys, scan, copy = block("sh", "# on every machine, to be let in").splitlines()[1:]
    lab.run(machine, f"{keys}\n{scan}")
    assert copy.startswith("ssh-copy-id")  # has the server know the key, as is done here
    store.keys.append(asyncssh.read_public_key(home / ".ssh/id_ed25519.pub"))
    (home / "ca.pem").write_bytes((lab.folder / "services/ca.pem").read_bytes())
    (home / "settings.toml").write_text(lab.written(block("toml")))
    (home / "worker.py").write_text((ROOT / "worker.py").read_text())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The services, three machines that are to compute and one that only looks on."""
    folder = tmp_path_factory.mktemp("several")
    save_base(folder / "tiny")
    with network() as found:
        lab = Lab(found, folder, {name: free_port() for name in ("rows", "queue", "store")})
        with services(lab) as store:
            for machine in ("a", "b", "c", "desk"):
                prepare(lab, machine, store)
            try:
                yield lab
            finally:
                for worker in lab.workers.values():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(worker.pid, 9)
                    worker.wait()


def test_a_study_is_finished_by_the_machines_that_are_left(lab: Lab):
    said = lab.run("a", block("sh", "# on every machine, to try"))
    assert "can be written and read" in said
    assert not re.search("secret", said)
    for machine in ("a", "b", "c"):
        lab.workers[machine] = lab.start(machine, block("sh", "# on every machine that computes"))
    generate, queue, wait, results = block("sh", "# on one machine").splitlines()[1:]
    lab.run("a", f"{generate}\n{queue}")

    # The machine that trains and has a checkpoint is lost: its cable first, then its processes.
    training = "select id, attempt from job where kind = 'train' and state = 'RUNNING' and checkpoint is not null"
    ((job, attempt), *_) = lab.until(lambda: lab.ask(training), "a training with a checkpoint")
    (lost,) = [machine for machine in lab.workers if f"{job}/{attempt}" in lab.computed(machine)]
    lab.network.vanish(lost, lab.workers.pop(lost))
    left = sorted(lab.workers)

    lab.run(left[0], wait)
    assert {state for (state,) in lab.ask("select state from job")} == {"SUCCEEDED"}
    assert lab.ask(f"select artifact from job where id = {job}") != [(f"{job}/{attempt}",)]
    log = lab.ask(f"select text from joblog where job = {job}")
    assert "anew" not in str(log), "another machine went on from the checkpoint in the store"
    assert all(lab.computed(machine) for machine in left)
    assert "persona" in lab.run(left[1], results)


def test_a_machine_that_has_computed_nothing_reads_every_prediction(lab: Lab):
    table = orjson.loads(lab.run("desk", "lab results first --json"))
    assert [method["n_personas"] for method in table["methods"]] == [4, 4, 4]
    (lab.home("desk") / "screen.py").write_text(SCREEN)
    said = orjson.loads(lab.run("desk", "python screen.py"))
    assert len(said) >= 1
    assert all(turn == ["unified", "persona"] for turn in said)
    fetched = {path.name for path in lab.home("desk").glob("artifacts/[0-9]*/*/*")}
    assert fetched == {"predictions.jsonl", "manifest.json", ".fetch"}, "what is not read is not fetched"


def test_what_two_machines_trained_is_exported_by_a_third(lab: Lab):
    lab.run("desk", "lab export first --all --method persona --to exported")
    assert len(list(lab.home("desk").glob("exported/*/lora/adapter_model.safetensors"))) == 4


def test_no_password_is_in_any_log_row_or_folder(lab: Lab):
    texts = [path.read_text() for path in lab.folder.glob("*/*.log")]
    texts += [str(lab.ask(f"select * from {table}")) for table in ("job", "joblog", "worker", "study")]
    assert [text for text in texts if "secret" in text] == []
