"""The lists that are chosen from: studies, personas and methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.app import App

from lab.safe import one_line
from lab.tui.format import age, context_words, fraction
from lab.tui.screens.picker import Picker
from lab.tui.text import Line
from lab.tui.widgets.table import Column

if TYPE_CHECKING:
    from lab.db.queries import StudyRow
    from lab.report.people import Person
    from lab.tui.feeds.board import Board, BoardRow


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
        f"{len(people)} personas",
        columns,
        people,
        lambda person: person.persona_id,
        lambda person: person.words,
        present.persona_id if present else None,
    )
    return await app.push_screen_wait(picker)


async def pick_metric(app: App[Any], board: Board) -> str | None:
    """Choose the metric that methods are compared in."""
    columns: list[Column[str]] = [
        Column("metric", 30, lambda name, _: ((one_line(name.replace("_", " ")), "strong"),), grows=True, stays=True),
    ]
    picker = Picker(
        "metric", columns, board.metrics, lambda name: name, lambda name: name.replace("_", " "), board.metric
    )
    return await app.push_screen_wait(picker)


async def pick_row(app: App[Any], title: str, rows: Sequence[BoardRow], present: str) -> BoardRow | None:
    """Choose a method or a control that was evaluated."""
    columns: list[Column[BoardRow]] = [
        Column("method", 16, lambda row, _: ((one_line(row.name), "strong"),), stays=True),
        Column("mean", 6, lambda row, _: ((fraction(row.evidence.summary.mean), "second"),), right=True),
        Column("what it is", 30, lambda row, _: ((one_line(row.about), "dim"),), grows=True),
    ]
    picker = Picker(title, columns, rows, lambda row: row.name, lambda row: f"{row.name} {row.about}", present)
    return await app.push_screen_wait(picker)
