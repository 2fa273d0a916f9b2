"""What a new study would run and cost, and the file it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.text import Line, fit, fit_line, wrap_spans

if TYPE_CHECKING:
    from lab.tui.feeds.new_study import NewStudyView
    from lab.tui.widgets.study_form import Entry

_COLUMNS = (("kind", 10, False), ("jobs", 5, True), ("reused", 6, True), ("time", 10, True), ("disk", 8, True))


def total_line(text: str, view: NewStudyView | None) -> Line:
    """In one line: how much there is to do, or what stands in the way."""
    if view is None or view.text != text:
        return ((" …", "dim"),)
    if view.fault is not None:
        return ((" not ready ", "bad"), ("mend what is marked ✗", "dim"))
    if view.costs is None:
        return ((" planning …", "dim"),)
    return ((" plan ", "accent"), (one_line(view.costs.total), "strong"))


def plan_lines(text: str, view: NewStudyView | None, cells: int) -> list[Line]:
    """Jobs by kind with time and disk, and what there is to say about them."""
    if view is None or view.text != text or view.costs is None:
        said = (
            "mend what is marked; then the plan is here" if view and view.fault and view.text == text else "planning …"
        )
        return [((said, "dim"),)]
    head = tuple((fit(name, wide, right=right) + " ", "head") for name, wide, right in _COLUMNS)
    rows = [
        tuple(
            (fit(value, wide, right=right) + " ", "" if right else "strong")
            for value, (_, wide, right) in zip(line, _COLUMNS, strict=True)
        )
        for line in view.costs.lines
    ]
    remarks = [row for said in view.costs.remarks for row in wrap_spans([(said, "dim")], cells)]
    return [fit_line(head, cells), *(fit_line(row, cells) for row in rows), (), *remarks]


def file_lines(text: str, cells: int) -> list[Line]:
    """The study file, its comments and tables set apart."""
    rows: list[Line] = []
    for line in text.split("\n"):
        tone = "dim" if line.startswith("#") else "accent" if line.startswith("[") else ""
        rows += wrap_spans([(line, tone)], cells)
    return rows


def said_of(entry: Entry | None, hints: dict[str, str]) -> Line:
    """What there is to know about the row under the cursor."""
    if entry is None or entry.kind == "head":
        return ()
    if entry.kind == "start":
        return (("the file is saved, its jobs are queued, and Jobs shows them", "dim"),)
    if entry.kind == "field":
        return ((hints[entry.key], "dim"),)
    family = entry.family
    assert family is not None
    many = "" if len(family.variants) == 1 else f" · {len(family.variants)} methods"
    sweep = " · v tries several values" if family.learns and entry.variant is None else ""
    return ((one_line(family.about), ""), (f"  {one_line(family.source)}{many}{sweep}", "dim"))
