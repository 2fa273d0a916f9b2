"""The statements of a claim and of a commit, made once.

Every job goes through them, so what they cost is what limits a queue: made anew each time, they would take ten times
as long to make as to carry out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam, exists, insert, select, update

from lab.db.tables import Dataset, Job, JobParent, Pause, Score, State


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_JOB, _PARENT, _DATASET = _table(Job).c, _table(JobParent).c, _table(Dataset).c

_GOES_ON = ~exists().where(_table(Pause).c.queue == bindparam("in_queue"))

BEST_READY = (
    select(_JOB.id, _JOB.attempt)
    .where(_JOB.queue == bindparam("in_queue"), _JOB.state == State.READY, _GOES_ON)
    .order_by(_JOB.priority.desc(), _JOB.id)
    .limit(1)
)
TAKE = (
    update(_table(Job))
    .where(_JOB.id == bindparam("job"), _JOB.state == State.READY, _JOB.attempt == bindparam("seen"))
    .values(
        state=State.RUNNING,
        attempt=_JOB.attempt + 1,
        owner=bindparam("by"),
        device=bindparam("on"),
        beat=0,
        error=None,
        note="starting",
        started_at=bindparam("at"),
        finished_at=None,
    )
)
TAKEN = select(_JOB.kind, _JOB.method, _JOB.spec, _JOB.checkpoint).where(_JOB.id == bindparam("job"))
FOLDER = select(_DATASET.folder).where(_DATASET.digest == bindparam("data"))
ARTIFACTS = (select(_JOB.key, _JOB.artifact, _JOB.manifest).join(_table(JobParent), _PARENT.parent == _JOB.id)).where(
    _PARENT.child == bindparam("job")
)

COMMIT = (
    update(_table(Job))
    .where(
        _JOB.id == bindparam("job"),
        _JOB.attempt == bindparam("of_attempt"),
        _JOB.owner == bindparam("by"),
        _JOB.state == State.RUNNING,
        _JOB.cancel_requested.is_(False),
    )
    .values(
        state=State.SUCCEEDED,
        owner=None,
        note="",
        eta_seconds=None,
        progress=1.0,
        artifact=bindparam("folder"),
        manifest=bindparam("digest"),
        result=bindparam("left", type_=_JOB.result.type),
        finished_at=bindparam("at", type_=_JOB.finished_at.type),
    )
)
SCORES = insert(_table(Score))
CHILDREN = select(_PARENT.child).where(_PARENT.parent == bindparam("job"))
