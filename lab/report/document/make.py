"""A study's report, from its rows to the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.db.queries import StudyRow
from lab.report.assemble import evidence_of
from lab.report.document.write import Report, write_report


def make_report(study: StudyRow, split: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> Report:
    """Weigh what is evaluated, and write it down; counts as a look at the split.

    Raises:
        LabError: nothing is evaluated on this split yet, or the folder holds something else.
    """
    say("weighing the scores")
    return write_report(study, evidence_of(study, split, by="lab report"), (), folder, say)
