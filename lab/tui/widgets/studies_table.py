"""The table of studies: how far each is, and what its val scores say so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from lab.db.tables import WAITING, State
from lab.safe import one_line
from lab.tui.format import age, duration, fraction, progress_bar, signed
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.tui.feeds.overview import StudyLine

_COUNT = 8  # cells of ` 14/22`


class StudiesTable(Table["StudyLine"]):
    """Studies, the newest first; the one that all tabs show has a mark."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.present = ""
        super().__init__(
            [
                Column("study", 18, self._title_of, grows=True, stays=True),
                Column("data set", 12, lambda one, _: ((one_line(one.row.dataset_name), "dim"),), rank=5, grows=True),
                Column("base", 14, lambda one, _: ((one_line(one.row.base), "dim"),), rank=6, grows=True),
                Column("progress", 20, _progress),
                Column("jobs", 20, _jobs, rank=2),
                Column("eta", 6, lambda one, _: ((duration(one.eta), ""),), right=True, rank=1),
                Column("best on val", 24, _best, grows=True),
                Column("age", 4, lambda one, _: ((age(one.row.created_at, now()), "dim"),), right=True, rank=4),
            ],
            key=lambda one: one.row.id,
            id="studies",
        )

    def _title_of(self, one: StudyLine, cells: int) -> Line:
        del cells
        return (("▸ " if one.row.name == self.present else "  ", "accent"), (one_line(one.row.name), "strong"))


def _progress(one: StudyLine, cells: int) -> Line:
    done = one.row.done
    share = done / one.row.n_jobs if one.row.n_jobs else 0.0
    return (*progress_bar(share, cells - _COUNT), (f"{f'{done}/{one.row.n_jobs}':>{_COUNT}}", ""))


def _jobs(one: StudyLine, cells: int) -> Line:
    """What the others are up to."""
    del cells
    row = one.row
    running, waiting, ended = row.count(State.RUNNING), row.count(*WAITING), row.count(State.CANCELLED, State.SKIPPED)
    parts = [(f"{row.failed} failed", "bad")] if row.failed else []
    parts += [(f"{running} running", "accent")] if running else []
    parts += [(f"{waiting} waiting", "dim")] if waiting else []
    parts += [(f"{ended} left out", "dim")] if ended and not running else []
    parts = parts or [("done", "good")]
    return tuple(span for place, part in enumerate(parts) for span in ((" ", "") if place else ("", ""), part))


def _best(one: StudyLine, cells: int) -> Line:
    best = one.best
    if best is None:
        return (("–", "faint"),)
    against = f" {signed(best.difference)}" if best.difference is not None else ""
    tone = "good" if (best.difference or 0) > 0 else "dim"
    numbers = f" {fraction(best.mean)}{against}"
    name = one_line(best.method)
    room = cells - len(numbers)
    shown = name if len(name) <= room else name[: max(room - 1, 1)] + "…"
    return ((shown, ""), (f" {fraction(best.mean)}", "dim"), (against, tone))
