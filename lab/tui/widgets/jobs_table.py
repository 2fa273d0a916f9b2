"""The table of jobs: its columns, its order, its filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import age, aware, duration, loss, ordinal, progress_bar
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Remark, Table

if TYPE_CHECKING:
    from lab.db.queries import JobRow

TONES = {
    "RUNNING": "accent",
    "READY": "",
    "BLOCKED": "dim",
    "RETRY_WAIT": "warn",
    "SUCCEEDED": "good",
    "FAILED": "bad",
    "DEAD": "bad",
    "CANCELLED": "dim",
    "SKIPPED": "dim",
}
_ORDER = {"RUNNING": 0, "RETRY_WAIT": 1, "READY": 1, "BLOCKED": 2}
_ENDED = 3


class JobsTable(Table["JobRow"]):
    """Jobs: those that run first, then those that wait in the order they will be taken, then the ended."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._queue: dict[int, int] = {}
        super().__init__(
            _columns(now),
            key=lambda job: job.id,
            remark=Remark(lambda job: remark(job, self._queue.get(job.id, 1)), first="progress", last="val"),
            id="jobs",
        )

    def tell(self, rows: Sequence[JobRow], queue: dict[int, int]) -> None:
        """Show these jobs; `queue` is the place of those that are READY."""
        self._queue = queue
        self.fill(rows)


def arranged(jobs: Iterable[JobRow], words: str, study: str = "") -> list[JobRow]:
    """The jobs, of one study if named, that have every one of the words, in the order of the table."""
    wanted = words.lower().split()
    found = [job for job in jobs if not study or study in job.studies]
    return sorted((job for job in found if all(word in _said(job) for word in wanted)), key=_place)


def queue_places(jobs: Iterable[JobRow]) -> dict[int, int]:
    """Job → its place among those that are READY: 1 for the one that is taken next."""
    ready = sorted((job for job in jobs if job.state == "READY"), key=_place)
    return {job.id: place for place, job in enumerate(ready, start=1)}


def remark(job: JobRow, place: int) -> Line:
    """What a job that is not running says instead of its progress; nothing if it runs or has succeeded."""
    if job.state in ("FAILED", "DEAD"):
        return ((one_line(job.error or "no reason was given"), "bad"),)
    if job.state == "BLOCKED":
        return ((f"waits for {', '.join(map(str, job.waits_for))}{_priority(job)}", "dim"),)
    if job.state == "READY":
        line = "next in line" if place == 1 else f"{ordinal(place)} in line"
        note = f" · {one_line(job.note)}" if job.note else ""
        return ((f"{line}{note}{_priority(job)}", "dim"),)
    if job.state == "RETRY_WAIT":
        return ((f"tries again: {one_line(job.error or '')}", "warn"),)
    if job.state in ("CANCELLED", "SKIPPED"):
        return ((one_line(job.note) or "cancelled", "dim"),)
    return ()


def _priority(job: JobRow) -> str:
    return f" · priority {job.priority:+}" if job.priority else ""


def _place(job: JobRow) -> tuple[int, float, int]:
    group = _ORDER.get(job.state, _ENDED)
    if group < _ENDED:
        return group, -job.priority, job.id
    ended = aware(job.finished_at).timestamp() if job.finished_at else 0.0
    return group, -ended, -job.id


def _said(job: JobRow) -> str:
    studies = " ".join(job.studies)
    return f"{job.id} {job.kind} {job.whose} {job.state} {job.device} {job.owner} {job.error} {studies}".lower()


def _columns(now: Callable[[], datetime]) -> list[Column[JobRow]]:
    def text(value: Callable[[JobRow], str], tone: str = "") -> Callable[[JobRow, int], Line]:
        return lambda job, _: ((value(job), tone),)

    return [
        Column("id", 4, text(lambda job: str(job.id), "dim"), right=True, stays=True),
        Column("kind", 8, text(lambda job: job.kind), stays=True),
        Column("method", 12, text(lambda job: job.whose, "strong"), grows=True, stays=True),
        Column("state", 10, _state),
        Column("progress", 12, _progress),
        Column("eta", 6, text(_eta), right=True, rank=1),
        Column("device", 10, text(_device, "dim"), rank=6, grows=True),
        Column("loss", 6, text(lambda job: loss(job.loss)), right=True, rank=2),
        Column("val", 6, text(lambda job: loss(job.val_loss)), right=True),
        Column("study", 12, text(lambda job: ", ".join(job.studies), "dim"), rank=8, grows=True),
        Column("tries", 5, _tries, right=True, rank=7),
        Column("age", 4, text(lambda job: age(job.created_at, now()), "dim"), right=True, rank=3),
    ]  # fmt: skip


def _state(job: JobRow, cells: int) -> Line:
    del cells
    if job.cancel_requested and job.state == "RUNNING":
        return (("CANCELLING", "warn"),)
    return ((str(job.state), TONES[job.state]),)


def _progress(job: JobRow, cells: int) -> Line:
    return (*progress_bar(job.progress, cells - 5), (f" {job.progress:>4.0%}", ""))


def _eta(job: JobRow) -> str:
    return duration(job.eta_seconds) if job.state == "RUNNING" else ""


def _device(job: JobRow) -> str:
    host = (job.owner or "").split(":", maxsplit=1)[0]
    return f"{job.device or ''} {host}".strip()


def _tries(job: JobRow, cells: int) -> Line:
    del cells
    return ((f"{job.tries + (job.state in ('RUNNING', 'SUCCEEDED'))}", "warn" if job.tries else "dim"),)
