"""The table of jobs: its columns, and the fields that a filter looks in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from textual.events import Key

from lab.safe import one_line
from lab.tui.format import age, duration, loss, ordinal, progress_bar
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

FIELDS: Mapping[str, Callable[[JobRow], str]] = {
    "id": lambda job: str(job.id),
    "kind": lambda job: str(job.kind),
    "method": lambda job: job.title,
    "state": lambda job: str(job.state),
    "study": lambda job: ", ".join(job.studies),
    "device": lambda job: job.device or "",
    "worker": lambda job: job.owner or "",
    "error": lambda job: job.error or "",
}
"""What the filter looks in, and what it calls it."""


class JobsTable(Table["JobRow"]):
    """Jobs: those that run first, then those that wait in the order they will be taken, then the ended.

    Until a hand is laid on the table, the cursor is on the first row, whichever job comes to run: its curve is what
    somebody wants to see who has just started a study. Whoever comes for what failed finds it on the first that did.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._places: Mapping[int, int] = {}
        self._leads: Callable[[Sequence[JobRow]], int] | None = _first  # the place of the cursor among these rows
        super().__init__(
            _columns(now),
            key=lambda job: job.id,
            remark=Remark(lambda job: remark(job, self._places.get(job.id, 1)), first="progress", last="val"),
            marking=True,
            id="jobs",
        )

    def tell(self, rows: Sequence[JobRow], places: Mapping[int, int]) -> None:
        """Show these jobs; `places` are those of jobs that are READY."""
        self._places = places
        self.fill(rows)
        if self._leads is not None:
            self.action_move(self._leads(rows) - self.cursor)

    def lead(self, *, failed: bool) -> None:
        """Choose the cursor's place anew."""
        self._leads = _first_failed if failed else _first

    def on_key(self, event: Key) -> None:
        """From now on the cursor stays on its job, but for keys that only lead to another tab."""
        if not event.key.isdecimal():
            self._leads = None

    def on_mouse_down(self) -> None:
        """As a key does."""
        self._leads = None


def _first(rows: Sequence[JobRow]) -> int:
    del rows
    return 0


def _first_failed(rows: Sequence[JobRow]) -> int:
    return next((place for place, job in enumerate(rows) if job.state in ("FAILED", "DEAD")), 0)


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


def _columns(now: Callable[[], datetime]) -> list[Column[JobRow]]:
    def text(value: Callable[[JobRow], str], tone: str = "") -> Callable[[JobRow, int], Line]:
        return lambda job, _: ((value(job), tone),)

    return [
        Column("id", 4, text(lambda job: str(job.id), "dim"), right=True, stays=True, sort=lambda job: job.id),
        Column("kind", 8, text(lambda job: job.kind), stays=True, sort=lambda job: job.kind),
        Column("method", 12, text(_title, "strong"), grows=True, stays=True, sort=_title),
        Column("state", 10, _state, sort=lambda job: str(job.state)),
        Column("progress", 12, _progress, sort=lambda job: job.progress),
        Column("eta", 6, text(_eta), right=True, rank=1, sort=_seconds),
        Column("device", 10, text(_device, "dim"), rank=6, grows=True, sort=_device),
        Column("loss", 6, text(lambda job: loss(job.loss)), right=True, rank=2, sort=lambda job: job.loss),
        Column("val", 6, text(lambda job: loss(job.val_loss)), right=True, sort=lambda job: job.val_loss),
        Column("study", 12, text(_studies, "dim"), rank=8, grows=True, sort=_studies),
        Column("tries", 6, _tries, right=True, rank=7, sort=_begun),
        Column("age", 4, text(lambda job: age(job.created_at, now()), "dim"), right=True, rank=3, sort=_born),
    ]  # fmt: skip


def _title(job: JobRow) -> str:
    return job.title


def _state(job: JobRow, cells: int) -> Line:
    del cells
    if job.cancel_requested and job.state == "RUNNING":
        return (("CANCELLING", "warn"),)
    return ((str(job.state), TONES[job.state]),)


def _progress(job: JobRow, cells: int) -> Line:
    return (*progress_bar(job.progress, cells - 5), (f" {job.progress:>4.0%}", ""))


def _eta(job: JobRow) -> str:
    return duration(_seconds(job))


def _seconds(job: JobRow) -> float | None:
    return job.eta_seconds if job.state == "RUNNING" else None


def _device(job: JobRow) -> str:
    host = (job.owner or "").split(":", maxsplit=1)[0]
    return f"{job.device or ''} {host}".strip()


def _studies(job: JobRow) -> str:
    return ", ".join(job.studies)


def _begun(job: JobRow) -> int:
    return job.tries + (job.state in ("RUNNING", "SUCCEEDED"))


def _tries(job: JobRow, cells: int) -> Line:
    del cells
    return ((str(_begun(job)), "warn" if job.tries else "dim"),)


def _born(job: JobRow) -> float:
    """The youngest first, as the column counts."""
    return -job.created_at.timestamp()
