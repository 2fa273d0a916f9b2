"""What a key does to jobs, told in one sentence. Called in a thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.db import jobs, queries
from lab.db.queries import JobRow, StudyRow
from lab.db.tables import WAITING, State
from lab.errors import LabError

_AT_ONCE = 500  # rows of one transaction


@dataclass
class Progress:
    """How far an act on many jobs is; written by its thread, read by the screen."""

    total: int
    done: int = 0


# ---------------------------------------------------------------- one job


def cancel(job: JobRow) -> str:
    """Cancel it; a running job is asked to stop."""
    state = jobs.cancel(job.id)
    if state is None:
        raise LabError(f"job {job.id} has already ended")
    if state == "RUNNING":
        return f"job {job.id} is asked to stop; it does at its worker's next heartbeat"
    return f"job {job.id} is cancelled, and what waits for it is skipped"


def retry(job: JobRow) -> str:
    """Try it again, with what was skipped because of it."""
    state = jobs.retry(job.id)
    if state is None:
        raise LabError(f"job {job.id} is {job.state}: only FAILED, DEAD and CANCELLED jobs are tried again")
    return f"job {job.id} is {state} again"


def prioritise(job: JobRow, by: int) -> str:
    """Raise or lower its priority."""
    if not jobs.shift_priority([job.id], by):
        raise LabError(f"job {job.id} is {job.state}: only a waiting job has a place in the queue")
    return f"priority of job {job.id} is {queries.get_job(job.id).row.priority:+}; higher goes first"


# ---------------------------------------------------------------- many jobs


def cancel_all(rows: Sequence[JobRow], progress: Progress) -> str:
    """Cancel them; those that run are asked to stop."""
    states: Counter[State | None] = Counter()
    # The youngest first: a child whose parent goes before it would have ended, skipped, when its turn comes.
    for row in sorted(rows, key=lambda row: -row.id):
        states[jobs.cancel(row.id)] += 1
        progress.done += 1
    return _told(
        {
            "cancelled": states[State.CANCELLED],
            "asked to stop": states[State.RUNNING],
            "had ended already": states[None],
        }
    )


def retry_all(rows: Sequence[JobRow], progress: Progress) -> str:
    """Try them again, with what was skipped because of them."""
    told: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row.id):  # parents first: with them come those that were skipped
        told[_retried(row)] += 1
        progress.done += 1
    return _told({what: told[what] for what in (_AGAIN, _IN_VAIN, _NOT_BROKEN)})


_AGAIN, _IN_VAIN, _NOT_BROKEN = "tried again", "skipped still, for a job before them", "not broken"


def _retried(row: JobRow) -> str:
    state = jobs.retry(row.id)
    if state is None and row.state == State.SKIPPED:
        state = queries.get_job(row.id).row.state
    if state == State.SKIPPED:
        return _IN_VAIN
    return _AGAIN if state in WAITING else _NOT_BROKEN


def prioritise_all(rows: Sequence[JobRow], progress: Progress, by: int) -> str:
    """Raise or lower the priority of those that wait."""
    moved = 0
    ids = [row.id for row in rows]
    for start in range(0, len(ids), _AT_ONCE):
        moved += jobs.shift_priority(ids[start : start + _AT_ONCE], by)
        progress.done += len(ids[start : start + _AT_ONCE])
    return _told({f"{'raised' if by > 0 else 'lowered'} by {abs(by)}": moved, "do not wait": len(ids) - moved})


def _told(counts: dict[str, int]) -> str:
    """`312 cancelled, 3 asked to stop`."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


# ---------------------------------------------------------------- what there is to choose from


def curve_groups(job: int) -> list[str]:
    """The groups with curves of their own."""
    return queries.curve_groups(job)


def studies() -> list[StudyRow]:
    """All studies, newest first."""
    return queries.list_studies()
