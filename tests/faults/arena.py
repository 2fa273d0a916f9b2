"""A lab of one's own to be hurt: its workers, its jobs, and a count of all that was done to it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from planned import planned, state
from planned import submit as submit_plan
from sqlmodel import col, select

from faults.databases import Postgres
from faults.verdict import Verdict, broken_now, judge
from lab.db import jobs
from lab.db.engine import DatabaseError, reading
from lab.db.studies import add_chat
from lab.db.tables import TERMINAL, Job, State, Worker
from lab.methods.plan import PlannedJob
from lab.settings import load_settings
from lab.tasks import embedded
from lab.tasks.identity import is_alive
from lab.tasks.sweep import ring

T = TypeVar("T")

TESTS = Path(__file__).parent.parent
PATIENCE = 180.0  # seconds in which everything ends once nothing is hurt any more, on a busy machine
LEASE = 4.0  # seconds
# Of workers and screens; small, so that much can happen in a minute.
SETTINGS = {
    "LAB_HEARTBEAT_SECONDS": "0.3",
    "LAB_LEASE_SECONDS": f"{LEASE:g}",
    "LAB_GRACE_SECONDS": "3",
    "LAB_RETRY_SECONDS": "0.2",
}


class HarnessError(Exception):
    """The fault could not be injected as meant; nothing is said of the lab."""


@dataclass
class Arena:
    """What a fault is given."""

    home: Path
    rng: random.Random
    scale: float  # of how much is done: 1 in the full run
    postgres: Postgres | None  # the server, if the lab is on one
    database_url: str
    injected: int = 0
    kills: int = 0
    expected: dict[int, tuple[State, ...]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)  # what was seen to be wrong on the way
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _studies: int = 0
    _files: int = 0

    # ------------------------------------------------------------ how much

    def times(self, full: int, least: int = 1) -> int:
        """`full` in the full run, fewer in a shortened one."""
        return max(least, round(full * self.scale))

    def hurt(self, times: int = 1) -> None:
        """A fault was injected."""
        self.injected += times

    # ------------------------------------------------------------ jobs

    def job(self, name: str, *parents: str, **spec: Any) -> PlannedJob:
        """A drill; names are unique within a call of `submit`."""
        number = self._studies + 1
        keys = [f"{number}-{one}" for one in (name, *parents)]
        return planned(keys[0], *keys[1:], kind="drill", spec=spec | {"key": keys[0]})

    def submit(self, *plan: PlannedJob, states: tuple[State, ...] = (State.SUCCEEDED,), **options: Any) -> list[int]:
        """Queue a study of its own of these jobs, which have to end in one of these states."""
        self._studies += 1
        ids = submit_plan(*plan, study=f"study-{self._studies}", **options)
        self.expected |= dict.fromkeys(ids, states)
        ring()
        return ids

    def bunch(self, count: int, **spec: Any) -> list[int]:
        """So many jobs in chains of three."""
        plan = [self.job(f"{n}", *([f"{n - 1}"] if n % 3 else []), **spec) for n in range(count)]
        return self.submit(*plan)

    def expect(self, ids: Iterable[int], *states: State) -> None:
        """They have to end in one of these."""
        self.expected |= dict.fromkeys(ids, states)

    def ask(self) -> int:
        """Queue a chat answer."""
        words = " ".join(str(self.rng.randrange(100)) for _ in range(8))
        job = add_chat({"messages": [{"role": "user", "content": words}]}, "method")
        self.expected[job] = (State.SUCCEEDED,)
        return job

    # ------------------------------------------------------------ workers

    def file(self, name: str) -> Path:
        """A new file's place."""
        self._files += 1
        return self.home / f"{self._files:03d}-{name}"

    def environment(self, **variables: str) -> dict[str, str]:
        """What every process of this lab is given."""
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        given = {"PYTHONPATH": path, "FAULTS_DIARY": str(self.diaries), "OMP_NUM_THREADS": "1"}
        return os.environ | SETTINGS | given | variables

    @property
    def diaries(self) -> Path:
        """Where jobs note what they do; never on a disk that is full."""
        folder = self.home / "diaries"
        folder.mkdir(exist_ok=True)
        return folder

    def launch(self, device: str = "one", **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker; do not wait for it."""
        worker = self.run([sys.executable, "-m", "faults.worker"], LAB_DEVICES=f'["{device}"]', **variables)
        self._workers.append(worker)
        return worker

    def run(self, command: list[str], **variables: str) -> subprocess.Popen[bytes]:
        """Start a process of this lab; what it says is kept in a file."""
        with self.file("says.log").open("wb") as log:
            return subprocess.Popen(
                command, env=self.environment(**variables), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def worker(self, device: str = "one", **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it works."""
        worker = self.launch(device, **variables)

        def works() -> bool:
            if worker.poll() is not None:
                raise HarnessError(f"a worker ended with {worker.poll()}; see {self.home}")
            return worker.pid in self.registered()

        self.until(works, "a worker that runs")
        return worker

    def registered(self) -> set[int]:
        """Process ids of the workers that the table calls alive."""
        with reading() as session:
            return set(session.exec(select(Worker.pid).where(Worker.state != "gone")))

    def working(self) -> list[subprocess.Popen[bytes]]:
        """The workers whose processes live."""
        return [worker for worker in self._workers if worker.poll() is None]

    def executors(self, worker: subprocess.Popen[bytes] | None = None) -> list[psutil.Process]:
        """The executors of one worker, or of all."""
        found = []
        for one in [worker] if worker else self.working():
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(one.pid).children()
                found += [child for child in children if _is_executor(child)]
        return found

    # ------------------------------------------------------------ hurting

    def kill(self, process: psutil.Process | subprocess.Popen[bytes]) -> bool:
        """SIGKILL; False if it was gone."""
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
            if isinstance(process, subprocess.Popen):
                process.wait()
            self.kills += 1
            self.injected += 1
            return True
        return False

    def check_shown(self, shown: object, what: str) -> None:
        """A fault that never took hold proves nothing, so it counts as a broken invariant."""
        if not shown:
            self.broken.append(f"the fault was not shown: {what}")

    def said(self, text: str) -> bool:
        """Whether any process of this lab said so."""
        return any(text in log.read_text(errors="replace") for log in self.home.glob("*.log"))

    # ------------------------------------------------------------ waiting

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until it is so.

        Raises:
            HarnessError: it never was.
        """
        deadline = time.monotonic() + seconds
        while not self.patiently(condition):
            if time.monotonic() > deadline:
                raise HarnessError(f"not within {seconds:g} s: {what}")
            time.sleep(0.03)

    def patiently(self, question: Callable[[], T], seconds: float = PATIENCE) -> T:
        """Ask the database, again and again while it is out of reach."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return question()
            except DatabaseError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def unfinished(self, ids: Iterable[int] | None = None) -> list[int]:
        """Those that have not ended, of these or of all."""
        with reading() as session:
            left = session.exec(select(Job.id).where(col(Job.state).not_in(TERMINAL))).all()
        wanted = None if ids is None else set(ids)
        return [job or 0 for job in left if wanted is None or job in wanted]

    def finish(self, ids: Iterable[int] | None = None) -> None:
        """Wait for the end of these jobs, or of all."""
        wanted = None if ids is None else set(ids)
        self.until(lambda: not self.unfinished(wanted), "the end of the jobs")

    def look(self) -> None:
        """Check the invariants now, in the middle of it all."""
        with contextlib.suppress(DatabaseError):
            self.broken += [f"on the way: {sentence}" for sentence in broken_now()]

    def running(self, job: int) -> bool:
        """Whether it has begun and not ended, and is at its work."""
        return state(job) is State.RUNNING

    def settle(self, **variables: str) -> None:
        """Nothing is hurt any more: with a worker that works, everything has to end."""
        if self.patiently(self.unfinished) and not self.working():
            self.worker(**variables)
        deadline = time.monotonic() + PATIENCE
        while self.patiently(self.unfinished) and time.monotonic() < deadline:
            time.sleep(0.1)

    def retry_broken(self, *states: State) -> list[int]:
        """What a person does with jobs that are DEAD or FAILED for no fault of their own."""
        with reading() as session:
            broken = session.exec(select(Job.id).where(col(Job.state).in_(states))).all()
        for job in broken:
            jobs.retry(job or 0)
        ring()
        return [job or 0 for job in broken]

    # ------------------------------------------------------------ the end

    def judge(self) -> Verdict:
        """What came of it all."""
        verdict = judge(self.expected, self.diaries)
        verdict.violations += self.broken
        return verdict

    def close(self) -> list[str]:
        """Leave no process behind; names those that outlived their lab."""
        executors = self.executors()
        for worker in self.working():
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
        gone, left = psutil.wait_procs(executors, timeout=5)
        del gone
        for process in left:
            process.kill()
        with contextlib.suppress(DatabaseError), reading() as session:
            for row in session.exec(select(Worker).where(Worker.state != "gone")):
                if is_alive(row):
                    os.kill(row.pid, signal.SIGKILL)
        if not load_settings().redis_url:
            embedded.stop()
        return [f"executor {process.pid} outlived its worker" for process in left]


def _is_executor(process: psutil.Process) -> bool:
    return "faults.executor" in process.cmdline()
