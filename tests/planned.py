"""Studies, planned jobs and workers' moves in one line each, for the tests of queue and database."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from lab.db import jobs
from lab.db.engine import engine, reading
from lab.db.jobs import Claim, Outcome
from lab.db.leases import Lease
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Job, State, Study
from lab.methods.plan import PlannedJob
from lab.settings import load_settings
from lab.tasks import queue
from lab.tasks.manifest import write_manifest

DATA = "d" * 64


def forget_settings() -> None:
    """Close the database, and let the next one to ask read the settings and open it anew."""
    if engine.cache_info().currsize:
        engine().dispose()
    load_settings.cache_clear()
    engine.cache_clear()
    queue._sender.cache_clear()


@contextlib.contextmanager
def own_lab(home: Path, **variables: str) -> Iterator[Path]:
    """Settings from these variables only, for as long as the context lasts; gives the artifacts folder."""
    artifacts = home / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LAB_")]:
            patch.delenv(name)
        patch.chdir(home)  # no settings.toml here
        patch.setenv("LAB_ARTIFACTS", str(artifacts))
        for name, value in variables.items():
            patch.setenv(name, value)
        forget_settings()
        try:
            yield artifacts
        finally:
            forget_settings()


def planned(key: str, *parents: str, kind: str = "train", spec: dict[str, Any] | None = None) -> PlannedJob:
    """One job of a plan; its key is its name."""
    content = {"data": DATA} if spec is None else spec
    return PlannedJob(key, kind, "method", content, parents, makes_book=kind == "train", serves=("method",))


def submit(*plan: PlannedJob, study: str = "study", tries: int = 2, priority: int = 0) -> list[int]:
    """A study of these jobs, after its data; gives their ids."""
    save_dataset(Dataset(digest=DATA, name="data", source="here", folder="datasets/data", n_personas=2, n_dialogues=6))
    return enter(*plan, study=study, tries=tries, priority=priority)


def enter(*plan: PlannedJob, study: str = "study", tries: int = 2, priority: int = 0) -> list[int]:
    """A study of these jobs, in one transaction."""
    row = Study(
        name=study,
        spec={"dtype": "auto", "personas": None, "dialogues": None, "split": [0.6, 0.2, 0.2]},
        dataset=DATA,
        base="base",
    )
    return save_study(row, plan, max_tries=tries, priority=priority)


def job(job_id: int) -> Job:
    """The row as it is now."""
    with reading() as session:
        return session.get_one(Job, job_id)


def state(job_id: int) -> State:
    """The state a job is in."""
    return job(job_id).state


def states(ids: Iterable[int]) -> list[str]:
    """The states of these jobs."""
    return [str(state(job_id)) for job_id in ids]


def all_jobs() -> list[Job]:
    """Every row, oldest first."""
    with reading() as session:
        return list(session.exec(select(Job).order_by(Job.id)))  # type: ignore[arg-type]


def claim(owner: str = "worker", queue_name: str = "work", device: str = "cpu") -> Claim | None:
    """What a worker gets when it asks."""
    return jobs.claim(queue_name, owner, device)


def claimed(owner: str = "worker") -> Lease:
    """The lease of a job that there must be."""
    found = claim(owner)
    assert found is not None, "nothing is READY"
    return found.lease


def outcome(lease: Lease) -> Outcome:
    """What an attempt leaves."""
    return Outcome(f"{lease.job}/{lease.attempt}", "f" * 64, {"seconds": 1.0})


def succeed(lease: Lease) -> bool:
    """The fenced commit, with a result."""
    return jobs.succeed(lease, outcome(lease)) is not None


def succeed_on_disk(lease: Lease) -> bool:
    """The same, with an artifact and its manifest, without which nothing is reused."""
    left = outcome(lease)
    folder = load_settings().artifacts / left.artifact
    folder.mkdir(parents=True)
    (folder / "result").write_text(left.artifact)
    return jobs.succeed(lease, replace(left, manifest=write_manifest(folder, {}))) is not None


def fail(lease: Lease, times: int = 1) -> None:
    """An error, and another as soon as its pause is over."""
    for last in range(times, 0, -1):
        jobs.fail(lease, "out of memory")
        if last > 1:
            assert jobs.retry_is_due(lease.job, lease.attempt)
            lease = claimed()


def lose(times: int) -> None:
    """So many claims, each lost."""
    for _ in range(times):
        jobs.lose(claimed())
