"""Which scores the jobs of a study were given to choose by."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import col, select

from lab.db.engine import reading
from lab.db.tables import Job, JobParent


def splits_read(jobs: Collection[int]) -> dict[int, list[str]]:
    """Job → the splits of the evaluations that it stands on; jobs that stand on none are left out."""
    wanted = (
        select(JobParent.child, Job.spec)
        .join(Job, col(Job.id) == JobParent.parent)
        .where(col(JobParent.child).in_(jobs))
        .order_by(col(JobParent.child), col(Job.id))
    )
    found: dict[int, list[str]] = {}
    with reading() as session:
        for child, spec in session.exec(wanted):
            if isinstance(split := spec.get("split"), str):
                found.setdefault(child, []).append(split)
    return found
