"""Who read test scores, and of which plan: what a study's later choices may have been made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from lab.db.engine import reading, writing
from lab.db.studies import one_at_a_time
from lab.db.tables import Job, Study, StudyJob, TestLook

Planned = Mapping[str, frozenset[str]]
"""Method → keys of its test evaluations; the key tells one training and evaluation from any other."""


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look."""

    id: int
    study: str
    methods: Planned
    by: str
    at: datetime


def note_look(study: int, by: str) -> bool:
    """Note that test scores of this study are read; whether it is a look, at something that was not looked at before.

    It is the plan that was looked at, whether or not all of it is computed: nothing that is read can change it any
    more without becoming another plan. So a screen that is open while a study runs is one look.
    """
    with reading() as session:
        if not _new(session, session.get_one(Study, study)):
            return False
    with writing() as session:
        one_at_a_time(session)
        row = session.get_one(Study, study)
        if not (new := _new(session, row)):
            return False
        methods = {method: sorted(keys) for method, keys in new.items()}
        session.add(TestLook(dataset=row.dataset, study=row.name, methods=methods, by=by))
        return True


def would_be_look(study: int) -> bool:
    """Whether reading test scores of this study now would be noted."""
    with reading() as session:
        return bool(_new(session, session.get_one(Study, study)))


def looks(dataset: str) -> list[LookRow]:
    """All looks at test of a data set, by whatever study, oldest first."""
    with reading() as session:
        return _looks(session, dataset)


def planned_on_test(study: int) -> Planned:
    """The test evaluations that a study has planned, whether or not they are done."""
    with reading() as session:
        return _planned(session, study)


def union(plans: Iterable[Planned]) -> dict[str, frozenset[str]]:
    """All that any of the plans has."""
    found: dict[str, frozenset[str]] = {}
    for plan in plans:
        found |= {method: found.get(method, frozenset()) | keys for method, keys in plan.items()}
    return found


def _new(session: Session, study: Study) -> Planned:
    """The study's plan if some of it was never looked at, else nothing."""
    planned = _planned(session, study.id or 0)
    seen = union(look.methods for look in _looks(session, study.dataset) if look.study == study.name)
    return planned if any(keys - seen.get(method, frozenset()) for method, keys in planned.items()) else {}


def _looks(session: Session, dataset: str) -> list[LookRow]:
    rows = session.exec(select(TestLook).where(TestLook.dataset == dataset).order_by(col(TestLook.id)))
    return [LookRow(row.id or 0, row.study, _frozen(row.methods), row.by, row.at) for row in rows]


def _frozen(methods: Mapping[str, Iterable[str]]) -> Planned:
    return {method: frozenset(keys) for method, keys in methods.items()}


def _planned(session: Session, study: int) -> Planned:
    wanted = (
        select(StudyJob.method, Job.key, Job.spec)
        .join(Job, col(Job.id) == StudyJob.job)
        .where(StudyJob.study == study, col(Job.kind).in_(("evaluate", "join")))
        .order_by(col(Job.id))
    )
    found: dict[str, frozenset[str]] = {}
    for method, key, spec in session.exec(wanted):
        if spec.get("split") == "test" and "shard" not in spec:
            found[method] = found.get(method, frozenset()) | {key}
    return found
