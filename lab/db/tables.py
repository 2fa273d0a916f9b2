"""The tables. Job rows are the truth; times in them are for display and are never compared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, Index, String, Text, TypeDecorator, text
from sqlmodel import Field, SQLModel

from lab.errors import LabError


class State(StrEnum):
    """The states of a job; the legal moves between them are in `lab.db.jobs`."""

    BLOCKED = "BLOCKED"
    READY = "READY"
    RUNNING = "RUNNING"
    RETRY_WAIT = "RETRY_WAIT"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DEAD = "DEAD"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


WAITING = (State.BLOCKED, State.READY, State.RETRY_WAIT)
UNFINISHED = (*WAITING, State.RUNNING)
BROKEN = (State.FAILED, State.DEAD, State.CANCELLED)
TERMINAL = (State.SUCCEEDED, *BROKEN, State.SKIPPED)


def now() -> datetime:
    """UTC now, for display."""
    return datetime.now(UTC)


_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class _Moment(TypeDecorator[datetime]):
    """A moment, in UTC whatever the database makes of time zones (SQLite forgets them)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Reads a value; what is no moment, which only another program can have written, is the first there was."""
        process = super().result_processor(dialect, coltype)
        assert process is not None

        def read(value: Any) -> datetime | None:
            try:
                return process(value)
            except (TypeError, ValueError):
                return _FIRST

        return read

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class _StateColumn(TypeDecorator[State]):
    """A state, by its name."""

    impl = String(16)
    cache_ok = True

    def process_bind_param(self, value: State | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else str(State(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> State | None:
        del dialect
        try:
            return None if value is None else State(value)
        except ValueError:
            raise LabError(
                f"the database has a job in state {value!r}, which this version does not know; use a newer one, "
                "or restore the database from a backup."
            ) from None


class _Object(TypeDecorator[dict[str, Any]]):
    """A JSON object. A row that holds something else there, which the lab never writes, has an empty one."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any]:
        del dialect
        return value if isinstance(value, dict) else {}


class _Texts(TypeDecorator[list[str]]):
    """A JSON list of texts; anything else there is an empty one."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str]:
        del dialect
        return [str(one) for one in value] if isinstance(value, list) else []


def _moment(*, optional: bool = False) -> Any:
    return Column(_Moment(), nullable=optional)


class Dataset(SQLModel, table=True):
    """An imported data set: chat format under `folder`, named by the digest of its content."""

    digest: str = Field(primary_key=True)
    name: str = Field(index=True)
    source: str
    folder: str  # relative to the artifacts folder
    n_personas: int
    n_dialogues: int
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Study(SQLModel, table=True):
    """A dataset, a base model, methods and seeds."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, index=True)
    spec: dict[str, Any] = Field(sa_column=Column(_Object(), nullable=False))
    dataset: str = Field(foreign_key="dataset.digest")
    base: str
    created_at: datetime = Field(default_factory=now, sa_column=_moment())


class Job(SQLModel, table=True):
    """One unit of queued work."""

    __table_args__ = (
        Index("job_claim", "queue", "state", "priority", "id"),
        # One job for each key, so one commit; chat answers have none.
        Index("job_key", "key", unique=True, sqlite_where=text("key <> ''"), postgresql_where=text("key <> ''")),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    method: str  # the method it was first planned for; a job may serve several
    queue: str = "work"
    spec: dict[str, Any] = Field(sa_column=Column(_Object(), nullable=False))
    key: str  # digest of kind, spec, data, parents' keys and engine version; "" for a chat answer
    priority: int = 0

    state: State = Field(default=State.BLOCKED, sa_column=Column(_StateColumn(), nullable=False))
    attempt: int = 0  # the fencing token: grows with every claim
    owner: str | None = None  # worker id while RUNNING
    device: str | None = None
    beat: int = 0  # heartbeat counter: standing still means the lease is lost
    tries: int = 0
    max_tries: int = 2
    crashes: int = 0  # lost leases since the last new checkpoint
    cancel_requested: bool = False

    progress: float = 0.0  # 0…1
    step: int | None = None
    total_steps: int | None = None
    eta_seconds: float | None = None
    loss: float | None = None
    val_loss: float | None = None
    note: str = ""  # what it is doing now, one line

    error: str | None = Field(default=None, sa_column=Column(Text))
    checkpoint: str | None = None  # folder, relative to the artifacts folder
    checkpoint_step: int = 0
    artifact: str | None = None  # folder of the committed attempt, relative to the artifacts folder
    manifest: str | None = None  # sha256 of its manifest
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))

    created_at: datetime = Field(default_factory=now, sa_column=_moment())
    started_at: datetime | None = Field(default=None, sa_column=_moment(optional=True))
    finished_at: datetime | None = Field(default=None, sa_column=_moment(optional=True))


class JobParent(SQLModel, table=True):
    """`child` waits for `parent`."""

    child: int = Field(foreign_key="job.id", primary_key=True)
    parent: int = Field(foreign_key="job.id", primary_key=True, index=True)


class StudyJob(SQLModel, table=True):
    """A job serves a method of a study; one job may serve many."""

    study: int = Field(foreign_key="study.id", primary_key=True)
    job: int = Field(foreign_key="job.id", primary_key=True, index=True)
    method: str = Field(primary_key=True)
    makes_book: bool = False  # its artifact holds the method's recipe book


class RunMetric(SQLModel, table=True):
    """One point of a curve. A resumed attempt overwrites the points it computes again."""

    job: int = Field(foreign_key="job.id", primary_key=True)
    series: str = Field(primary_key=True)  # train | val
    group: str = Field(primary_key=True)  # a group's name, or "" for the mean over groups
    step: int = Field(primary_key=True)
    value: float


class JobLog(SQLModel, table=True):
    """One line of a job's log."""

    id: int | None = Field(default=None, primary_key=True)
    job: int = Field(foreign_key="job.id", index=True)
    attempt: int
    at: datetime = Field(default_factory=now, sa_column=_moment())
    text: str


class Score(SQLModel, table=True):
    """One persona under one recipe on one split: `value` of `metric`, from `n` turns."""

    job: int = Field(foreign_key="job.id", primary_key=True)
    persona_id: str = Field(primary_key=True)
    task_type: str = Field(primary_key=True)  # "" = all
    metric: str = Field(primary_key=True)
    value: float
    n: int


class ChatReply(SQLModel, table=True):
    """The answer of a chat job, growing while it is written."""

    job: int = Field(foreign_key="job.id", primary_key=True)
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    info: dict[str, Any] = Field(default_factory=dict, sa_column=Column(_Object(), nullable=False))


class Worker(SQLModel, table=True):
    """A supervisor process."""

    id: str = Field(primary_key=True)
    host: str
    machine: str  # identity of the machine and its boot: only there does the pid mean anything
    pid: int
    pid_started: float  # the process's own start time, against a pid used twice
    devices: list[str] = Field(sa_column=Column(_Texts(), nullable=False))
    version: str
    state: str = "alive"  # alive | draining | drained | gone
    beat: int = 0
    usage: dict[str, Any] = Field(default_factory=dict, sa_column=Column(_Object(), nullable=False))
    started_at: datetime = Field(default_factory=now, sa_column=_moment())
    seen_at: datetime = Field(default_factory=now, sa_column=_moment())


class Pause(SQLModel, table=True):
    """A queue of which nothing is claimed; jobs at hand go on. No row: the queue goes on."""

    queue: str = Field(primary_key=True)
    by: str  # who paused it
    at: datetime = Field(default_factory=now, sa_column=_moment())


class LabId(SQLModel, table=True):
    """What tells this database from every other: one row, made when it is first asked for, that a backup keeps."""

    one: int = Field(default=1, primary_key=True)
    value: str


class TestLook(SQLModel, table=True):
    """A plan of a study whose test scores somebody read: what was planned later was planned with test in sight.

    No row refers to another: a look stays, whatever becomes of the study.
    """

    id: int | None = Field(default=None, primary_key=True)
    dataset: str = Field(index=True)  # digest
    study: str  # name
    # Method → keys of its test evaluations.
    methods: dict[str, Any] = Field(sa_column=Column(_Object(), nullable=False))
    by: str  # what read them
    at: datetime = Field(default_factory=now, sa_column=_moment())


class Pick(SQLModel, table=True):
    """What somebody picked in a blind round of a chat, where no answer had a name.

    No row refers to another: a pick stays, whatever becomes of the study and of the answers.
    """

    id: int | None = Field(default=None, primary_key=True)
    study: str = Field(index=True)  # name
    dataset: str  # digest
    persona_id: str
    round: str = Field(unique=True, index=True)  # made up for it, so that no round counts twice
    # "answers": from left to right, the method and the digests of the weights that answered.
    shown: dict[str, Any] = Field(sa_column=Column(_Object(), nullable=False))
    picked: str  # method; "" is a tie
    at: datetime = Field(default_factory=now, sa_column=_moment())
