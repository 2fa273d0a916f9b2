"""How often test was read, and what was chosen after it had been."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import orjson

from lab.db.looks import LookRow, Planned, looks, note_look, planned_on_test, would_be_look
from lab.db.queries import StudyRow
from lab.db.scores import evaluations

TEST = "test"


@dataclass(frozen=True, slots=True)
class Look:
    """One plan of a study whose test scores were read; to read it again, or more of it as it finishes, is none."""

    study: str
    at: datetime
    by: str  # "lab results", "Results screen", …
    plan: str  # digest of the methods and their test evaluations
    methods: tuple[str, ...]
    added: tuple[str, ...]  # that the study's first look did not know, or knew otherwise


@dataclass(frozen=True, slots=True)
class Looks:
    """How often test was read, and what was decided after it had been.

    Methods in `after_test` were chosen or made when test scores of the study could be known: their p values explore,
    and confirm nothing.
    """

    own: tuple[Look, ...]  # of this study, oldest first
    others: tuple[Look, ...]  # of other studies on the same data, before this one's first look
    after_test: tuple[str, ...]  # methods of this study that were added or changed afterwards

    @property
    def times(self) -> str:
        """`never`, `once`, `3 times`: how often test of this study was read."""
        return {0: "never", 1: "once"}.get(len(self.own), f"{len(self.own)} times")

    @property
    def says(self) -> str:
        """What a report tells of it, in a sentence or three."""
        return " ".join(_sentences(self))


def looked(study: StudyRow, split: str, by: str) -> None:
    """Note that scores of a split are about to be shown; only test counts."""
    if split == TEST:
        note_look(study.id, by)


def would_count(study: StudyRow, split: str) -> bool:
    """Whether showing scores of a split now would be another look; only at test it can be."""
    return split == TEST and bool(evaluations(study.id, TEST)) and would_be_look(study.id)


def looks_at(study: StudyRow) -> Looks:
    """All looks at test of a study's data that bear on it."""
    everything = looks(study.dataset)
    mine = [row for row in everything if row.study == study.name]
    if not mine:
        return Looks((), tuple(_look(row, row.methods) for row in everything), ())
    frozen = mine[0].methods
    before = [row for row in everything if row.study != study.name and row.id < mine[0].id]
    return Looks(
        own=tuple(_look(row, frozen) for row in mine),
        others=tuple(_look(row, row.methods) for row in before),
        after_test=_added(planned_on_test(study.id), frozen),
    )


def _look(row: LookRow, frozen: Planned) -> Look:
    content = orjson.dumps({method: sorted(keys) for method, keys in row.methods.items()}, option=orjson.OPT_SORT_KEYS)
    plan = hashlib.sha256(content).hexdigest()
    return Look(row.study, row.at, row.by, plan, tuple(row.methods), _added(row.methods, frozen))


def _added(planned: Planned, frozen: Planned) -> tuple[str, ...]:
    return tuple(method for method, keys in planned.items() if keys - frozen.get(method, frozenset()))


def _sentences(found: Looks) -> list[str]:
    if not found.own:
        told = ["Test has not been read."]
    else:
        told = [f"Test was read {found.times}, for the first time on {found.own[0].at:%Y-%m-%d}."]
    if found.after_test:
        n = len(found.after_test)
        what = "1 method was" if n == 1 else f"{n} methods were"
        told.append(
            f"{what} added or changed after that ({', '.join(found.after_test)}): "
            f"{'its' if n == 1 else 'their'} p values are exploratory."
        )
    elif found.own:
        told.append("All methods were chosen before.")
    if found.others:
        names = ", ".join(dict.fromkeys(look.study for look in found.others))
        told.append(f"Test of these data had been read before, in other studies ({names}).")
    return told
