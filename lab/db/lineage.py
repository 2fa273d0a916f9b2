"""Where the numbers of a study come from: its jobs with what they left, and the machines that may have run them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from lab.db.engine import reading
from lab.db.tables import Job, State, StudyJob, Worker


@dataclass(frozen=True, slots=True)
class Origin:
    """One job as it serves one method of a study."""

    method: str
    makes_book: bool
    job: int
    kind: str
    state: State
    attempt: int
    spec: dict[str, Any]
    result: dict[str, Any]
    artifact: str  # relative to the artifacts folder; "" until it has succeeded
    manifest: str  # sha256 of the artifact's manifest
    device: str
    error: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def does(self) -> str:
        """Its kind; of a join, that of what it joins."""
        return str(self.spec.get("joins", self.kind))

    @property
    def is_shard(self) -> bool:
        """Whether a join tells what it and others did."""
        return "shard" in self.spec

    @property
    def seed(self) -> int:
        """Of what it trained or evaluated."""
        return int(self.spec.get("seed", 0))


def origins(study: int) -> list[Origin]:
    """Every job of a study, once for each method that it serves, by job."""
    with reading() as session:
        wanted = (
            select(StudyJob, Job)
            .join(Job, col(Job.id) == StudyJob.job)
            .where(StudyJob.study == study)
            .order_by(col(Job.id), StudyJob.method)
        )
        return [
            Origin(
                serves.method,
                serves.makes_book,
                job.id or 0,
                job.kind,
                job.state,
                job.attempt,
                job.spec,
                job.result or {},
                job.artifact or "",
                job.manifest or "",
                job.device or "",
                job.error or "",
                job.started_at,
                job.finished_at,
            )
            for serves, job in session.exec(wanted)
        ]


def machines() -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """(host, version of the lab, devices, names of GPUs) of every worker this lab has known, each once, by host."""
    with reading() as session:
        found = {
            (
                worker.host,
                worker.version,
                tuple(worker.devices),
                tuple(str(gpu.get("name", "")) for gpu in worker.usage.get("gpus", ())),
            )
            for worker in session.exec(select(Worker))
        }
        return sorted(found)
