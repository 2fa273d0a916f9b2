"""What the screens and commands read: plain, frozen rows, never a live session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from lab.db.engine import reading
from lab.db.tables import (
    UNFINISHED,
    WAITING,
    ChatReply,
    Dataset,
    Job,
    JobLog,
    JobParent,
    RunMetric,
    State,
    Study,
    StudyJob,
    Worker,
)
from lab.db.workers import AT_WORK
from lab.errors import LabError


@dataclass(frozen=True, slots=True)
class JobRow:
    """One line of the jobs table."""

    id: int
    kind: str
    method: str
    state: State
    priority: int
    progress: float  # 0…1
    step: int | None
    total_steps: int | None
    eta_seconds: float | None
    loss: float | None
    val_loss: float | None
    tries: int
    crashes: int
    attempt: int
    owner: str | None
    device: str | None
    note: str
    error: str | None
    cancel_requested: bool
    waits_for: tuple[int, ...]  # parents that have not succeeded
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    studies: tuple[str, ...] = ()  # by name
    part: str = ""  # "1/2": the first of two shards; "": a whole job
    split: str = ""  # that it is evaluated on
    seed: int | None = None  # None: nothing is drawn, or it is the same for all

    @property
    def whose(self) -> str:
        """The method, and which part of its work this is."""
        return f"{self.method} {self.part}".rstrip()

    @property
    def title(self) -> str:
        """`hybrid/val 1/2`: that, and the split that it is evaluated on."""
        return titled(self.method, self.split, self.part)


def titled(method: str, split: str, part: str) -> str:
    """The method, the split that it is evaluated on, and which part of its work this is."""
    return f"{method}{'/' if split else ''}{split} {part}".rstrip()


@dataclass(frozen=True, slots=True)
class JobDetail:
    """Everything about one job but its curves and log."""

    row: JobRow
    spec: dict[str, Any]
    key: str
    parents: tuple[int, ...]
    children: tuple[int, ...]
    artifact: str | None
    checkpoint: str | None
    checkpoint_step: int
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One study and how far it is."""

    id: int
    name: str
    dataset: str  # digest
    dataset_name: str
    base: str
    spec: dict[str, Any]
    counts: dict[State, int]
    created_at: datetime

    @property
    def n_jobs(self) -> int:
        """How many jobs it has."""
        return sum(self.counts.values())

    def count(self, *states: State) -> int:
        """How many of its jobs are in one of these states."""
        return sum(self.counts.get(state, 0) for state in states)

    @property
    def done(self) -> int:
        """Jobs that succeeded."""
        return self.count(State.SUCCEEDED)

    @property
    def failed(self) -> int:
        """Jobs that broke."""
        return self.count(State.FAILED, State.DEAD)

    @property
    def over(self) -> bool:
        """Whether all its jobs have ended."""
        return bool(self.n_jobs) and not self.count(*UNFINISHED)

    @property
    def so_far(self) -> str:
        """`4 of 12 jobs are done, 1 failed, 7 left out`."""
        told = [f"{self.done} of {self.n_jobs} {'job is' if self.n_jobs == 1 else 'jobs are'} done"]
        others = {
            "running": self.count(State.RUNNING),
            "waiting": self.count(*WAITING),
            "failed": self.failed,
            "left out": self.count(State.CANCELLED, State.SKIPPED),
        }
        return ", ".join([*told, *(f"{n} {what}" for what, n in others.items() if n)])


@dataclass(frozen=True, slots=True)
class MethodBook:
    """A method of a study whose recipe book is ready to chat with."""

    method: str
    job: int
    artifact: str  # folder that holds recipes.json, relative to the artifacts folder
    seed: int | None = None  # that it was made with; None: the same in every seed

    def of_seeds(self, study: StudyRow) -> str:
        """`, seed 0 of 0, 1`: which one it is, where the study has several."""
        seeds = study.spec.get("seeds", ())
        several = self.seed is not None and len(seeds) > 1
        return f", seed {self.seed} of {', '.join(map(str, seeds))}" if several else ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log."""

    id: int
    attempt: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat answer so far."""

    state: State
    text: str
    info: dict[str, Any]
    error: str | None


# ---------------------------------------------------------------- jobs


_SAID = ("part", "split", "seed")  # by the spec
_NAMES = tuple(name for name in JobRow.__dataclass_fields__ if name not in (*_SAID, "waits_for", "studies"))
# Columns, not rows of the mapper: of ten thousand jobs these are made in half the time.
JOB_COLUMNS = (*(getattr(Job, name) for name in _NAMES), Job.spec)


def job_row(columns: Sequence[Any], waits_for: Iterable[int], studies: Iterable[str]) -> JobRow:
    """The row of a job whose `JOB_COLUMNS` these are."""
    fields = dict(zip(_NAMES, columns, strict=False))
    spec = columns[-1]
    return JobRow(
        **fields,
        waits_for=tuple(waits_for),
        studies=tuple(studies),
        part=part_of(spec),
        split=split_of(spec),
        seed=seed_of(spec),
    )


def part_of(spec: dict[str, Any]) -> str:
    """`1/2` for the first of two shards; nothing for a whole job."""
    match spec.get("shard"):
        case [int(number), int(n)]:
            return f"{number + 1}/{n}"
    return ""


def split_of(spec: dict[str, Any]) -> str:
    """`val`, `test`; nothing for a job that evaluates nothing."""
    split = spec.get("split")
    return split if isinstance(split, str) else ""


def seed_of(spec: dict[str, Any]) -> int | None:
    """The seed that a job draws from; None where it draws nothing."""
    seed = spec.get("seed")
    return seed if isinstance(seed, int) else None


def studies_of(session: Session, jobs: Sequence[int] | None = None) -> dict[int, list[str]]:
    """Job → the studies it belongs to; of these jobs if they are named."""
    wanted = select(StudyJob.job, Study.name).join(Study, col(Study.id) == StudyJob.study)
    if jobs is not None:
        wanted = wanted.where(col(StudyJob.job).in_(jobs))
    found: dict[int, list[str]] = {}
    for one, name in session.exec(wanted.distinct().order_by(Study.name)):
        found.setdefault(one, []).append(name)
    return found


def pending_parents(session: Session, job: int | None = None) -> dict[int, list[int]]:
    """Job → its parents that have not succeeded; of one job if named."""
    pending = (
        select(JobParent.child, JobParent.parent)
        .join(Job, col(Job.id) == JobParent.parent)
        .where(Job.state != State.SUCCEEDED)
        .order_by(col(JobParent.parent))
    )
    if job is not None:
        pending = pending.where(JobParent.child == job)
    found: dict[int, list[int]] = {}
    for child, parent in session.exec(pending):
        found.setdefault(child, []).append(parent)
    return found


def list_jobs(study: int | None = None, *, limit: int | None = None) -> list[JobRow]:
    """The jobs, newest first, without chat answers; of one study if named."""
    with reading() as session:
        wanted = columns_of(*JOB_COLUMNS).where(col(Job.kind) != "chat").order_by(col(Job.id).desc())
        if study is not None:
            wanted = wanted.where(col(Job.id).in_(select(StudyJob.job).where(StudyJob.study == study)))
        jobs = session.execute(wanted.limit(limit) if limit else wanted).all()
        waiting = pending_parents(session)
        studies = studies_of(session)
        return [job_row(job, waiting.get(job[0], ()), studies.get(job[0], ())) for job in jobs]


def get_job(job_id: int) -> JobDetail:
    """One job.

    Raises:
        LabError: there is no such job.
    """
    with reading() as session:
        job = session.get(Job, job_id)
        if job is None:
            raise LabError(f"there is no job {job_id}; `lab jobs` lists them.")
        parents = session.exec(select(JobParent.parent).where(JobParent.child == job_id)).all()
        children = session.exec(select(JobParent.child).where(JobParent.parent == job_id)).all()
        return JobDetail(
            job_row(
                [getattr(job, column.key) for column in JOB_COLUMNS],
                pending_parents(session, job_id).get(job_id, ()),
                studies_of(session, [job_id]).get(job_id, ()),
            ),
            job.spec,
            job.key,
            tuple(sorted(parents)),
            tuple(sorted(children)),
            job.artifact,
            job.checkpoint,
            job.checkpoint_step,
            job.result,
        )


def job_log(job_id: int, *, after: int = 0, last: int | None = None) -> list[LogLine]:
    """Log lines with an id above `after`, oldest first; only the `last` so many if given."""
    with reading() as session:
        wanted = select(JobLog).where(JobLog.job == job_id, col(JobLog.id) > after)
        newest = session.exec(wanted.order_by(col(JobLog.id).desc()).limit(last)).all()
        return [LogLine(line.id or 0, line.attempt, line.at, line.text) for line in reversed(newest)]


def curve(job_id: int, series: str, group: str = "", *, after: int = -1) -> list[tuple[int, float]]:
    """(step, value) of one curve, by step, beyond `after`; group "" is the mean over groups."""
    with reading() as session:
        wanted = select(RunMetric.step, RunMetric.value).where(
            RunMetric.job == job_id,
            RunMetric.series == series,
            RunMetric.group == group,
            RunMetric.step > after,
        )
        return [(step, value) for step, value in session.exec(wanted.order_by(col(RunMetric.step)))]


def curves(job_id: int, series: str) -> dict[str, list[tuple[int, float]]]:
    """Group → (step, value) of its own curve, by step; the mean over groups is not among them."""
    with reading() as session:
        wanted = select(RunMetric.group, RunMetric.step, RunMetric.value).where(
            RunMetric.job == job_id, RunMetric.series == series, RunMetric.group != ""
        )
        found: dict[str, list[tuple[int, float]]] = {}
        for group, step, value in session.exec(wanted.order_by(col(RunMetric.group), col(RunMetric.step))):
            found.setdefault(group, []).append((step, value))
        return found


def curve_groups(job_id: int) -> list[str]:
    """The groups that have curves of their own, by name."""
    with reading() as session:
        wanted = select(RunMetric.group).where(RunMetric.job == job_id, RunMetric.group != "").distinct()
        return sorted(session.exec(wanted))


# ---------------------------------------------------------------- studies


def _counts(session: Session, study: int | None = None) -> dict[int, dict[State, int]]:
    """Study → state → how many of its jobs are in it; of one study if named."""
    wanted = (
        select(StudyJob.study, Job.state, func.count(col(Job.id).distinct()))
        .join(Job, col(Job.id) == StudyJob.job)
        .group_by(col(StudyJob.study), col(Job.state))
        .order_by(col(StudyJob.study), col(Job.state))
    )
    found: dict[int, dict[State, int]] = {}
    for one, state, count in session.exec(wanted if study is None else wanted.where(StudyJob.study == study)):
        found.setdefault(one, {})[State(state)] = count
    return found


def _data_name(study: Study, dataset: Dataset | None) -> str:
    """As the study was given it: the same data may have been brought in under another name since."""
    return Path(str(study.spec.get("data", ""))).name or (dataset.name if dataset else study.dataset[:12])


def _study_row(session: Session, study: Study, counts: dict[State, int]) -> StudyRow:
    assert study.id is not None
    dataset = session.get(Dataset, study.dataset)
    return StudyRow(
        study.id,
        study.name,
        study.dataset,
        _data_name(study, dataset),
        study.base,
        study.spec,
        counts,
        study.created_at,
    )


def list_studies() -> list[StudyRow]:
    """All studies, newest first."""
    with reading() as session:
        studies = session.exec(select(Study).order_by(col(Study.id).desc())).all()
        counts = _counts(session)  # of all at once: one query each would be most of what a tick of the screen costs
        return [_study_row(session, study, counts.get(study.id or 0, {})) for study in studies]


def study_names() -> list[str]:
    """The names of all studies, newest first."""
    with reading() as session:
        return list(session.exec(select(Study.name).order_by(col(Study.id).desc())).all())


def get_study(name: str | None = None) -> StudyRow:
    """A study by name, or the newest.

    Raises:
        LabError: there is none.
    """
    with reading() as session:
        wanted = select(Study).order_by(col(Study.id).desc())
        study = session.exec(wanted.where(Study.name == name) if name else wanted).first()
        if study is None:
            what = f"no study named '{name}'" if name else "no study yet"
            raise LabError(f"there is {what}; `lab status` lists them, `lab run` starts one.")
        return _study_row(session, study, _counts(session, study.id).get(study.id or 0, {}))


def get_dataset(digest: str) -> Dataset:
    """The data set of this digest.

    Raises:
        LabError: it was never imported here.
    """
    with reading() as session:
        dataset = session.get(Dataset, digest)
        if dataset is None:
            raise LabError(f"there is no data set {digest[:12]}; `lab data import` brings one in.")
        return dataset


def books(study: int) -> list[MethodBook]:
    """The methods of a study whose recipe book is ready, as they were planned; of several seeds the lowest."""
    with reading() as session:
        wanted = (
            select(StudyJob.method, Job.id, Job.artifact, Job.spec)
            .join(Job, col(Job.id) == StudyJob.job)
            .where(StudyJob.study == study, col(StudyJob.makes_book), Job.state == State.SUCCEEDED)
            .order_by(col(Job.id))
        )
        found: dict[str, MethodBook] = {}
        for method, job, artifact, spec in session.exec(wanted):
            book = MethodBook(method, job or 0, artifact or "", spec.get("seed"))
            found[method] = min(found.get(method, book), book, key=lambda one: one.seed or 0)
        return list(found.values())


def manifest_of(artifact: str) -> str:
    """sha256 of the manifest of a committed artifact, `<job>/<attempt>`, as the row keeps it; "" if none is known."""
    job = artifact.partition("/")[0]
    if not (job.isascii() and job.isdigit()):
        return ""
    with reading() as session:
        committed = select(Job.manifest).where(Job.id == int(job), Job.artifact == artifact)
        return session.exec(committed).first() or ""


# ---------------------------------------------------------------- chat and workers


def get_reply(job_id: int) -> Reply:
    """The answer of a chat job so far."""
    with reading() as session:
        job = session.get_one(Job, job_id)
        reply = session.get(ChatReply, job_id)
        return Reply(job.state, reply.text if reply else "", dict(reply.info) if reply else {}, job.error)


def list_workers() -> list[Worker]:
    """The supervisors that are at work, oldest first; one that drains still is."""
    with reading() as session:
        wanted = select(Worker).where(col(Worker.state).in_(AT_WORK)).order_by(col(Worker.started_at))
        return list(session.exec(wanted))


def queue_length(queue: str) -> int:
    """How many jobs are READY in a queue."""
    with reading() as session:
        wanted = select(func.count()).select_from(Job).where(Job.queue == queue, Job.state == State.READY)
        return session.exec(wanted).one()
