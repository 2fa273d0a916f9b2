"""Answers to read, and the published numbers."""

from __future__ import annotations

from lab.report.document.blocks import Block, Bullets, Paragraph, Section, Table, columns
from lab.report.document.examples import RULE, examples
from lab.report.document.gather import Gathered
from lab.report.document.published import beside, differs, general, other_metrics, task_types
from lab.report.document.sections.shared import ranked
from lab.report.document.words import number
from lab.report.evidence import Evidence

OTHER = "unified"


def shown_methods(evidence: Evidence) -> tuple[str, ...]:
    """The method whose answers are shown, and the one they are compared with; empty without two."""
    named = [one.name for one in ranked(evidence) if not one.is_control and one.name not in (OTHER, "base")]
    return (named[0], OTHER) if named and evidence.method(OTHER) else ()


def answers(evidence: Evidence, gathered: Gathered) -> Section | None:
    """Best, median and worst turn of the method with the highest mean."""
    shown = shown_methods(evidence)
    if not shown:
        return None
    method, other = shown
    source = next((one.path for one in gathered.traced if one.method == method), "")
    found = examples(
        method,
        gathered.predictions.get(method, ()),
        other,
        gathered.predictions.get(other, ()),
        gathered.people,
        source,
    )
    if not found:
        return None
    text = (
        f"{method}, the method beside unified and base with the highest mean, and {other}. "
        + RULE
        + " Numbers and devices that the reference has too are marked as right, others as wrong."
    )
    return Section("examples", "Examples", (Paragraph(text), *found))


def published(evidence: Evidence, gathered: Gathered) -> Section | None:
    """The published table beside ours."""
    rows = beside(evidence)
    if not rows:
        return None
    first = ("method", "theirs", "published", "here", "published, minus unified", "here, minus unified")
    titles = columns(*first, "improved, published", "improved, here", words=2)
    blocks: list[Block] = [
        Paragraph(
            "Two studies with different data, models and procedures: the rows stand beside each other, they test "
            "nothing."
        ),
        Table(titles, tuple(rows)),
    ]
    others = other_metrics(evidence.table.methods)
    if others:
        metrics = (
            "device precision, published", "here", "parameter F1, published", "here", "numerical precision, published",
            "here", "here, turns without numbers as 0",
        )  # fmt: skip
        blocks.append(Table(columns("method", *metrics), tuple(others)))
    types = tuple(
        (kind, number(accuracy, 2), number(gathered.unified_types[kind]))
        for kind, accuracy in task_types().items()
        if kind in gathered.unified_types
    )
    if types:
        titles = columns("unified on task type", "published 'accuracy', of what is not said", "here, similarity")
        blocks.append(Table(titles, types))
    seeds = ", ".join(map(str, evidence.seeds))
    data = f"Here: {evidence.base}, {evidence.n_personas} personas of {evidence.dataset}, seeds {seeds}."
    blocks += [
        Paragraph("What differs in every row:"),
        Bullets((*general(), data)),
        Paragraph("What differs, row by row:"),
        Bullets(differs(evidence)),
    ]
    return Section("published", "The published numbers", tuple(blocks))
