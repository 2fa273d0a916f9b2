"""What a key does to a job, each told in one sentence. Called in a thread."""

from __future__ import annotations

from lab.db import jobs, queries
from lab.db.queries import JobRow, StudyRow
from lab.errors import LabError


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
    if not jobs.prioritise(job.id, job.priority + by):
        raise LabError(f"job {job.id} is {job.state}: only a waiting job has a place in the queue")
    return f"priority of job {job.id} is {job.priority + by:+}; higher goes first"


def curve_groups(job: int) -> list[str]:
    """The groups with curves of their own."""
    return queries.curve_groups(job)


def studies() -> list[StudyRow]:
    """All studies, newest first."""
    return queries.list_studies()
