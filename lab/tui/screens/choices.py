"""The lists that are chosen from on more than one screen: studies and personas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.app import App

from lab.safe import one_line
from lab.tui.format import age, context_words, counted
from lab.tui.screens.picker import Picker
from lab.tui.text import Line
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.report.people import Person


async def pick_study(
    app: App[Any], studies: Sequence[StudyRow], present: StudyRow | None, now: Callable[[], datetime]
) -> StudyRow | None:
    """Choose a study."""
    columns: list[Column[StudyRow]] = [
        Column("study", 20, lambda study, _: ((one_line(study.name), "strong"),), grows=True, stays=True),
        Column("data set", 16, lambda study, _: ((one_line(study.dataset_name), ""),), rank=1, grows=True),
        Column("base", 16, lambda study, _: ((one_line(study.base), "dim"),), rank=2, grows=True),
        Column("jobs", 9, _done, right=True),
        Column("age", 4, lambda study, _: ((age(study.created_at, now()), "dim"),), right=True),
    ]
    picker = Picker(
        "study",
        columns,
        studies,
        lambda study: study.name,
        lambda study: f"{study.name} {study.dataset_name} {study.base}",
        present.name if present else None,
    )
    return await app.push_screen_wait(picker)


def _done(study: StudyRow, cells: int) -> Line:
    del cells
    done = sum(count for state, count in study.counts.items() if state == "SUCCEEDED")
    return ((f"{done}/{study.n_jobs}", ""),)


async def pick_person(app: App[Any], people: Sequence[Person], present: Person | None) -> Person | None:
    """Choose a persona."""
    columns: list[Column[Person]] = [
        Column("persona", 14, lambda person, _: ((one_line(person.persona_id), "strong"),), stays=True),
        Column("name", 10, lambda person, _: ((one_line(person.name), ""),), rank=2),
        Column("description", 30, lambda person, _: ((one_line(person.description), "dim"),), grows=True),
        Column("last seen", 24, lambda person, _: ((context_words(person.context), "second"),), rank=1),
    ]
    picker = Picker(
        counted(len(people), "persona"),
        columns,
        people,
        lambda person: person.persona_id,
        lambda person: person.words,
        present.persona_id if present else None,
    )
    return await app.push_screen_wait(picker)
