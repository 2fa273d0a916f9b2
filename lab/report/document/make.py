"""A study's report, from its rows to the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.db.queries import StudyRow
from lab.report.assemble import evidence_of
from lab.report.document.write import Report, write_report
from lab.report.series import curves_with

_BY = "lab report"  # as looks at test tell it


def make_report(study: StudyRow, split: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> Report:
    """Weigh what is evaluated, and write it down; counts as a look at the split.

    Raises:
        LabError: nothing is evaluated on this split yet, or the folder holds something else.
    """
    say("weighing the scores")
    evidence = evidence_of(study, split, by=_BY)
    say("looking for studies that differ in one number")
    return write_report(study, evidence, curves_with(study, split, by=_BY), folder, say)
