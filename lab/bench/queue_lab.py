"""What `lab bench queue` measures in a lab of its own, which the settings name: latency, throughput and their parts."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import psutil
from sqlmodel import col, func, select

from lab.bench.queue_executor import COMMAND, KIND
from lab.db import jobs
from lab.db.engine import reading
from lab.db.jobs import Claim, Outcome
from lab.db.migrate import migrate
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Job, State, Study
from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks import embedded
from lab.tasks.child import ExecutorProcess
from lab.tasks.manifest import write_manifest
from lab.tasks.messages import Assignment, Done
from lab.tasks.sweep import ring

_DATA = "0" * 64
_WARM_UP = 20  # jobs
_PARTS = 300  # jobs, at most, whose parts are timed one by one
_PAUSE = 0.05  # seconds in which a worker comes to rest
_LONGEST = 600.0  # seconds


@dataclass(frozen=True)
class _Nothing:
    """A planned job that does nothing."""

    key: str
    kind: str = KIND
    method: str = "bench"
    parents: tuple[str, ...] = ()
    makes_book: bool = False
    serves: tuple[str, ...] = ("bench",)

    @property
    def spec(self) -> dict[str, Any]:
        return {"key": self.key}


def measure(n_jobs: int, n_submissions: int) -> dict[str, Any]:
    """Submit jobs that do nothing to one worker with one executor, one at a time and then all at once."""
    migrate()
    save_dataset(Dataset(digest=_DATA, name="none", source="none", folder="none", n_personas=0, n_dialogues=0))
    with _worker() as worker:
        _finished(_submit("warm-up", _WARM_UP))
        waits = sorted(_wait(number) for number in range(n_submissions))
        before = _cpu(worker)
        rate = _rate(_finished(_submit("throughput", n_jobs)))
        spent = {who: 1000 * (seconds - before[who]) / n_jobs for who, seconds in _cpu(worker).items()}
    return {
        "submit_to_start_ms": {
            "p50": statistics.median(waits),
            "p95": waits[int(0.95 * len(waits))],
            "worst": waits[-1],
            "n": len(waits),
        },
        "jobs": n_jobs,
        "jobs_per_second": rate,
        "cpu_ms_per_job": spent,
        "parts_ms": _parts(min(n_jobs, _PARTS)),
    }


def _submit(study: str, n: int) -> list[int]:
    """As `lab run` does: one study, one ring."""
    row = Study(name=study, spec={}, dataset=_DATA, base="none")
    ids = save_study(row, [_Nothing(f"{study}-{number}") for number in range(n)], max_tries=1)
    ring()
    return ids


def _finished(ids: list[int]) -> list[int]:
    """The same, when all of them are done.

    Raises:
        LabError: one did not succeed, or they take for ever.
    """
    deadline = time.monotonic() + _LONGEST
    of_these = select(Job.state, func.count()).where(col(Job.id).in_(ids)).group_by(Job.state)
    while True:
        with reading() as session:
            states = dict(session.exec(of_these).all())
        if states == {State.SUCCEEDED: len(ids)}:
            return ids
        if set(states) - {State.READY, State.RUNNING, State.SUCCEEDED} or time.monotonic() > deadline:
            raise LabError(f"the jobs that do nothing did not all succeed: {states}; see the worker's words above.")
        time.sleep(0.005 if len(ids) == 1 else 0.25)  # who looks often slows the worker down


def _wait(number: int) -> float:
    """Milliseconds from the call that submits a job to the moment when the executor begins it."""
    time.sleep(_PAUSE)
    called = time.time()
    (job,) = _finished(_submit(f"latency-{number}", 1))
    with reading() as session:
        result = session.get_one(Job, job).result or {}
    return 1000 * float(result["began"] - called)


def _rate(ids: list[int]) -> float:
    """Jobs per second, from the first start to the last commit."""
    with reading() as session:
        ends = select(func.min(Job.started_at), func.max(Job.finished_at)).where(col(Job.id).in_(ids))
        began, ended = session.exec(ends).one()
    assert began, "they are all finished"
    assert ended
    return len(ids) / float((ended - began).total_seconds())


@contextlib.contextmanager
def _worker() -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, "-m", "lab.bench.queue_worker"], stdin=subprocess.DEVNULL, stdout=2)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)
        embedded.stop()


def _cpu(worker: psutil.Process) -> dict[str, float]:
    """Seconds of CPU time so far: hardly more where other work keeps the machine busy."""
    (executor,) = (child for child in worker.children() if COMMAND[-1] in child.cmdline())
    used = {"supervisor": worker.cpu_times(), "executor": executor.cpu_times()}
    return {who: times.user + times.system for who, times in used.items()}


# ---------------------------------------------------------------- what the time goes into


def _parts(n: int) -> dict[str, float]:
    """Median milliseconds of each part of a job, without a worker: nobody else writes."""
    _submit("parts", n)
    root = load_settings().artifacts
    spent: dict[str, list[float]] = {}

    def timed(part: str, work: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        found = work(*arguments)
        spent.setdefault(part, []).append(1000 * (time.perf_counter() - began))
        return found

    executor = ExecutorProcess(COMMAND)
    try:
        for _ in range(n):
            claim: Claim = timed("claim", jobs.claim, "work", "bench", "cpu")
            folder = f"{claim.lease.job}/{claim.lease.attempt}"
            done: Done = timed("executor, with its manifest", _done, executor, claim, folder)
            again = root / folder / "again"
            again.mkdir()
            timed("of which the manifest", write_manifest, again, {})
            timed("commit", jobs.succeed, claim.lease, Outcome(folder, done.manifest, done.result))
    finally:
        executor.kill()
    return {part: statistics.median(values) for part, values in spent.items()}


def _done(executor: ExecutorProcess, claim: Claim, folder: str) -> Done:
    lease, root = claim.lease, str(load_settings().artifacts)
    executor.run(
        Assignment(
            job=lease.job,
            attempt=lease.attempt,
            kind=claim.kind,
            method=claim.method,
            spec=claim.spec,
            root=root,
            folder=folder,
            cache=root,
            device="cpu",
            dtype="auto",
            checkpoint=None,
            checkpoint_seconds=60.0,
            dataset=None,
            parents={},
        )
    )
    event = executor.next_event(timeout=_LONGEST)
    assert isinstance(event, Done), event
    return event


if __name__ == "__main__":
    print(orjson.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))).decode())
