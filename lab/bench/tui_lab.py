"""The lab that `lab bench tui` opens: 10,000 jobs, 200 personas, 15 methods, a million points of curves.

Run as a program it writes that lab into the database that the settings name, then works in it on request: it is the
one worker there is, with one job at hand. Nothing is trained; the rows are those that a long study leaves behind.
"""

from __future__ import annotations

import math
import random
import select as selecting
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select, update

from lab.db import jobs, workers
from lab.db.engine import writing
from lab.db.jobs import Lease
from lab.db.migrate import migrate
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Job, JobLog, RunMetric, Score, State, Study, now
from lab.tasks.identity import this_worker

STUDIES = 100
METHODS = tuple(f"method-{number:02}" for number in range(14))
PERSONAS = tuple(f"persona_{number:03}" for number in range(200))
JOBS_A_METHOD = 6  # with the reference: 100 studies × (14 methods × 7 + 2) = 10,000 jobs
METRICS = ("similarity", "nll", "device_accuracy")
POINTS = 1_000_000
_POINTS_A_JOB = 400
_DATA = "d" * 64
_USAGE = {"gpus": [{"device": "cuda:0", "name": "GPU", "memory": 18637.0, "total": 81920.0, "load": 71.0}]}
_SECONDS_A_STEP = 0.5


@dataclass(frozen=True)
class _Planned:
    """A job of a plan, as `save_study` wants it."""

    key: str
    kind: str
    method: str
    spec: dict[str, Any]
    parents: tuple[str, ...] = ()
    makes_book: bool = False

    @property
    def serves(self) -> tuple[str, ...]:
        return (self.method,)


def build() -> Lease:
    """Write it all; the lease of the one job that runs."""
    migrate()
    save_dataset(Dataset(digest=_DATA, name="homes", source="none", folder="none", n_personas=200, n_dialogues=6000))
    for number in range(STUDIES):
        _add_study(number)
    worker = this_worker(["cuda:0"])
    workers.register(worker)
    workers.beat(worker.id, _USAGE, draining=False)
    taken = jobs.claim("work", worker.id, "cuda:0")
    assert taken is not None, "each study has jobs that are READY"
    with writing() as session:
        _finish_all_but(session, taken.lease.job)
        _write_scores(session)
        _write_curves(session, taken.lease.job)
        session.add_all(JobLog(job=taken.lease.job, attempt=1, text=f"step {step}") for step in range(2000))
    return taken.lease


def _add_study(number: int) -> None:
    name = f"homes-{number:03}"
    spec = {"name": name, "data": "homes", "base": "smollm2-135m", "methods": ["unified", *METHODS], "seeds": [number]}
    study = Study(name=name, spec=spec, dataset=_DATA, base="smollm2-135m")
    save_study(study, list(_plan(number)), max_tries=2)


def _plan(number: int) -> Iterator[_Planned]:
    """Unified and its evaluation, then each method's jobs in a row, the last of them its evaluation."""
    train = {"share": "persona", "rank": 8, "learning_rate": 5e-4, "epochs": 3, "seed": number}
    judge = {"split": "val", "seed": number}
    yield _Planned(f"{number}-unified", "train", "unified", train | {"share": "everyone"}, makes_book=True)
    yield _Planned(f"{number}-unified-val", "evaluate", "unified", judge, (f"{number}-unified",))
    for method in METHODS:
        before = f"{number}-unified"
        for step in range(JOBS_A_METHOD):
            key = f"{number}-{method}-{step}"
            yield _Planned(key, "train", method, train, (before,), makes_book=step == JOBS_A_METHOD - 1)
            before = key
        yield _Planned(f"{number}-{method}-val", "evaluate", method, judge, (before,))


def _finish_all_but(session: Session, running: int) -> None:
    """All of them succeeded, days ago, but for one that runs and what waits for it, and some that failed."""
    last = running + JOBS_A_METHOD  # its study's later jobs stay as they are
    ended = {"progress": 1.0, "attempt": 1, "loss": 0.3, "val_loss": 0.5, "step": 300, "total_steps": 300}
    moments = {"created_at": now() - timedelta(days=3), "started_at": now() - timedelta(days=2)}
    moments |= {"finished_at": now() - timedelta(days=1)}
    others = (col(Job.id) < running) | (col(Job.id) > last)
    session.execute(update(Job).where(others).values(state=State.SUCCEEDED, artifact="", **ended, **moments))
    failed = {"state": State.FAILED, "error": "CUDA out of memory: 2.1 GB more is needed; lower batch_size"}
    session.execute(update(Job).where(others, col(Job.id) % 97 == 0).values(**failed))
    session.execute(update(Job).where(~others).values(created_at=moments["created_at"]))


def _write_scores(session: Session) -> None:
    """Scores of every evaluation of the newest study: 15 methods × 200 personas × 3 metrics."""
    lots = random.Random(0)
    newest = select(Job).where(Job.kind == "evaluate", Job.state == State.SUCCEEDED).order_by(col(Job.id).desc())
    rows = [
        {"job": job.id, "persona_id": persona, "task_type": "", "metric": metric, "value": lots.random(), "n": 12}
        for job in session.exec(newest.limit(len(METHODS) + 1))
        for persona in PERSONAS
        for metric in METRICS
    ]
    session.execute(insert(Score), rows)


def _write_curves(session: Session, running: int) -> None:
    """A million points: a curve of each of many jobs, and the first steps of the one that runs."""
    ids = session.exec(select(Job.id).where(Job.kind == "train", col(Job.id) != running).order_by(col(Job.id))).all()
    n_jobs = POINTS // _POINTS_A_JOB
    for start in range(0, n_jobs, 250):
        some = ids[start : min(start + 250, n_jobs)]
        session.execute(insert(RunMetric), [_point(job or 0, step) for job in some for step in range(_POINTS_A_JOB)])
    session.execute(insert(RunMetric), [_point(running, step) for step in range(_POINTS_A_JOB)])


def _point(job: int, step: int) -> dict[str, Any]:
    value = 0.4 + 1.5 * math.exp(-step / 90) + 0.03 * math.sin(1.7 * step + job)
    return {"job": job, "series": "train", "group": "", "step": step, "value": value}


# ---------------------------------------------------------------- at work


def work(lease: Lease) -> None:
    """Obey the lines of standard input: `work` trains on, `rest` only keeps the job alive, the end ends it."""
    working, step, beats = False, _POINTS_A_JOB, 0
    while True:
        readable, _, _ = selecting.select([sys.stdin], [], [], _SECONDS_A_STEP)
        if readable:
            line = sys.stdin.readline().strip()
            if not line:
                return
            working = line == "work"
            continue
        beats += 1
        if working:
            step += 1
            _train(lease, step)
        if beats % 4 == 0:
            workers.beat(lease.owner, _USAGE, draining=False)
            jobs.beat(lease, {})


def _train(lease: Lease, step: int) -> None:
    point = _point(lease.job, step)
    jobs.record(lease, [RunMetric(**point)], [f"step {step}: loss {point['value']:.3f}"] if step % 2 else [])
    total = 10 * _POINTS_A_JOB
    values = {"progress": step / total, "step": step, "total_steps": total, "loss": point["value"]}
    jobs.beat(lease, values | {"eta_seconds": (total - step) * _SECONDS_A_STEP, "note": f"{60_000 + step} tokens/s"})


def main() -> None:
    """Build, say so, work."""
    began = time.monotonic()
    lease = build()
    print(f"{lease.job} {time.monotonic() - began:.1f}", flush=True)
    work(lease)


if __name__ == "__main__":
    main()
