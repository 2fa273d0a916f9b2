"""The lab that `lab bench tui` opens: thousands of jobs, 200 personas, 15 methods, many points of curves.

Run as a program (with the numbers of jobs and points) it writes that lab into the database that the settings name,
then works in it on request: it is the one worker there is, with one job at hand. The data and the plans are real;
nothing is trained, and the rows of the finished jobs are like those that long studies leave behind.
"""

from __future__ import annotations

import math
import random
import select as selecting
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, func, select, update

from lab.data.generate import generate_folder
from lab.db import jobs, workers
from lab.db.engine import reading, writing
from lab.db.leases import Lease
from lab.db.migrate import migrate
from lab.db.studies import save_study
from lab.db.tables import Dataset, Job, JobLog, JobParent, RunMetric, Score, State, Study, StudyJob, now
from lab.methods.plan import plan
from lab.methods.spec import parse_study
from lab.metrics.aggregate import METRICS
from lab.tasks.identity import this_worker
from lab.tasks.submit import import_data

N_PERSONAS, N_DIALOGUES = 200, 12
METHODS = (
    "base", "prompt-description", "unified", "persona", "hybrid", "cluster-kmeans", "cluster+delta", "merge-sparse",
    "merge-weighted", "merge-ties", "retrieval-k3", "soft-prompt-persona", "multitask", "user-embedding",
    "swapped-persona",
)  # fmt: skip
_STEPS = 400  # that the running job has done
_AT_ONCE = 250  # jobs
_USAGE = {"gpus": [{"device": "cuda:0", "name": "GPU", "memory": 18637.0, "total": 81920.0, "load": 71.0}]}
_SECONDS_A_STEP = 0.5


def build(n_jobs: int, n_points: int) -> Lease:
    """Write it all, of so many jobs at least; the lease of the one job that runs."""
    migrate()
    dataset = _import()
    n_studies = 0
    while _n_jobs() < n_jobs:
        _add_study(dataset, n_studies)
        n_studies += 1
    worker = this_worker(["cuda:0"])
    workers.register(worker)
    workers.beat(worker.id, _USAGE, draining=False)
    with writing() as session:
        running = _finish_all_but_one(session)
        _write_scores(session, running)
        _write_curves(session, running, n_points)
        session.add_all(JobLog(job=running, attempt=1, text=f"step {step}") for step in range(2000))
    taken = jobs.claim("work", worker.id, "cuda:0")
    assert taken is not None, "one job was left READY"
    return taken.lease


def _import() -> Dataset:
    """The people of all studies, as `lab data import` keeps them."""
    with tempfile.TemporaryDirectory() as folder:
        generate_folder(Path(folder) / "homes", N_PERSONAS, N_DIALOGUES, turns=3.2, seed=0)
        return import_data(f"{folder}/homes")


def _n_jobs() -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(Job)).one()


def _add_study(dataset: Dataset, number: int) -> None:
    """One more study of all methods, with a seed of its own."""
    content = {
        "name": f"homes-{number:03}",
        "data": dataset.name,
        "base": "smollm2-135m",
        "methods": METHODS,
        "seeds": [number],
        "evaluate": ["val", "test"],
    }
    spec = parse_study(content, "lab bench tui")
    row = Study(name=spec.name, spec=spec.model_dump(mode="json"), dataset=dataset.digest, base=spec.base)
    save_study(row, plan(spec, dataset.digest), max_tries=2)


def _finish_all_but_one(session: Session) -> int:
    """All jobs succeeded, days ago, but for some that failed, the newest study's last training and what waits for it.

    Returns:
        the training, which is READY.
    """
    newest = select(func.max(Job.id)).where(Job.kind == "train", Job.method == "user-embedding")
    running = session.exec(newest).one() or 0
    waiting = session.exec(select(JobParent.child).where(JobParent.parent == running)).all()
    moments = {"created_at": now() - timedelta(days=3), "started_at": now() - timedelta(days=2)}
    ended = {"progress": 1.0, "attempt": 1, "step": 300, "total_steps": 300, "finished_at": now() - timedelta(days=1)}
    result = {"train_seconds": 187.0, "parameters": 540_672, "seconds_per_answer": 0.4}
    others = col(Job.id).not_in([running, *waiting])
    session.execute(update(Job).where(others).values(state=State.SUCCEEDED, artifact="", result=result, **ended))
    session.execute(update(Job).values(**moments))
    session.execute(update(Job).where(others, col(Job.kind) == "train").values(loss=0.3, val_loss=0.5))
    failed = {"state": State.FAILED, "error": "CUDA out of memory: 2.1 GB more is needed; lower batch_size"}
    session.execute(update(Job).where(others, col(Job.id) % 97 == 0, col(Job.id) < running - 200).values(**failed))
    unstarted = {"state": State.READY, "started_at": None}
    session.execute(update(Job).where(col(Job.id) == running).values(**unstarted))
    session.execute(update(Job).where(col(Job.id).in_(waiting)).values(started_at=None))
    return running


def _write_scores(session: Session, running: int) -> None:
    """Scores of every evaluation of the newest study: each method × 200 personas × all metrics."""
    lots = random.Random(0)
    study = select(StudyJob.study).where(StudyJob.job == running).scalar_subquery()
    evaluations = (
        select(Job.id)
        .join(StudyJob, col(StudyJob.job) == Job.id)
        .where(StudyJob.study == study, Job.kind == "evaluate", Job.state == State.SUCCEEDED)
        .distinct()
    )
    rows = [
        {"job": job, "persona_id": f"persona_{number:03}", "task_type": "", "metric": metric, "n": 6}
        | {"value": 0.8 + 0.1 * lots.random()}
        for job in session.exec(evaluations)
        for number in range(N_PERSONAS)
        for metric in METRICS
    ]
    session.execute(insert(Score), rows)


def _write_curves(session: Session, running: int, n_points: int) -> None:
    """So many points: a curve of each of many jobs, and the first steps of the one that runs."""
    ids = session.exec(select(Job.id).where(Job.kind == "train", col(Job.id) != running).order_by(col(Job.id))).all()
    steps = math.ceil(n_points / len(ids))
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        session.execute(insert(RunMetric), [_point(job or 0, step) for job in some for step in range(steps)])
    session.execute(insert(RunMetric), [_point(running, step) for step in range(_STEPS)])


def _point(job: int, step: int) -> dict[str, Any]:
    value = 0.4 + 1.5 * math.exp(-step / 90) + 0.03 * math.sin(1.7 * step + job)
    return {"job": job, "series": "train", "group": "", "step": step, "value": value}


# ---------------------------------------------------------------- at work


def work(lease: Lease) -> None:
    """Obey the lines of standard input: `work` trains on, `rest` only keeps the job alive, the end ends it."""
    working, step, beats = False, _STEPS, 0
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
    total = 10 * _STEPS
    values = {"progress": step / total, "step": step, "total_steps": total, "loss": point["value"]}
    jobs.beat(lease, values | {"eta_seconds": (total - step) * _SECONDS_A_STEP, "note": f"{60_000 + step} tokens/s"})


def main() -> None:
    """Build, say so, work."""
    began = time.monotonic()
    n_jobs, n_points = map(int, sys.argv[1:])
    lease = build(n_jobs, n_points)
    print(f"{lease.job} {time.monotonic() - began:.1f}", flush=True)
    work(lease)


if __name__ == "__main__":
    main()
