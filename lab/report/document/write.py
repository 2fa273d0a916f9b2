"""Write the report of a study into a folder: page, Markdown, figures, and all numbers as data."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.db.queries import StudyRow
from lab.db.scores import ScoreRow, scores
from lab.errors import LabError
from lab.report.document.compose import compose
from lab.report.document.gather import Gathered, gather
from lab.report.document.html import html
from lab.report.document.markdown import markdown
from lab.report.document.numbers import data_json, pairs_csv, predictions_csv, scores_csv
from lab.report.document.sections.readings import shown_methods
from lab.report.document.study_file import study_toml
from lab.report.document.summary import summarised
from lab.report.evidence import CurveEvidence, Evidence
from lab.report.figures.style import as_png, as_svg
from lab.store.manifest import MANIFEST_FILE, described

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was written."""

    folder: Path
    files: dict[str, str]  # name → sha256
    summary: tuple[str, ...]
    missing: tuple[str, ...]
    faults: tuple[str, ...]  # numbers that cannot be traced to their rows

    @property
    def page(self) -> Path:
        """What to open."""
        return self.folder / PAGE


def write_report(
    study: StudyRow,
    evidence: Evidence,
    curves: tuple[CurveEvidence, ...],
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """The report of what is evaluated so far; the same lab and versions give the same bytes.

    A folder that holds an earlier report is replaced as a whole, when the new one is complete.

    Raises:
        LabError: the folder holds something else, or cannot be written.
    """
    _check(folder)
    say("reading predictions, clusters, routes and curves")
    gathered = gather(study, evidence.split, shown_methods(evidence))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as inner:
            new = Path(inner) / "report"
            new.mkdir()
            _write(new, study, evidence, curves, gathered, say)
            found = described(new, sorted(path for path in new.rglob("*") if path.is_file()), {"report_of": study.name})
            (new / MANIFEST_FILE).write_bytes(found.content)
            if folder.exists():
                shutil.rmtree(folder)
            new.rename(folder)
    except OSError as error:
        raise LabError(
            f"{folder}: the report cannot be written there ({error.strerror or error}); choose another --out."
        ) from None
    return Report(
        folder,
        found.files,
        tuple(one.text for one in summarised(evidence)),
        gathered.missing,
        tuple(fault for one in gathered.traced for fault in one.faults),
    )


def _check(folder: Path) -> None:
    """Only a report is replaced."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not _is_report(folder)):
        raise LabError(f"{folder}: this holds something other than a report; choose another --out.")


def _is_report(folder: Path) -> bool:
    return (folder / PAGE).is_file() and (folder / MANIFEST_FILE).is_file()


def _write(
    folder: Path,
    study: StudyRow,
    evidence: Evidence,
    curves: tuple[CurveEvidence, ...],
    gathered: Gathered,
    say: Callable[[str], None],
) -> None:
    document, album = compose(evidence, gathered, curves)
    (folder / "figures").mkdir()
    drawn: dict[str, bytes] = {}
    for number, (name, figure) in enumerate(album.figures.items(), start=1):
        say(f"figure {number} of {len(album.figures)}: {name}")
        drawn[name] = as_svg(figure)
        (folder / "figures" / f"{name}.svg").write_bytes(drawn[name])
        (folder / "figures" / f"{name}.png").write_bytes(as_png(figure))
        figure.clear()
    jobs = {(one.method, one.seed): one.job for one in gathered.traced}
    texts = {
        PAGE: html(document, drawn),
        "report.md": markdown(document),
        "study.toml": study_toml(gathered.declared),
        "scores.csv": scores_csv(_all_scores(study, evidence), jobs),
        "predictions.csv": predictions_csv(gathered.traced),
        "pairs.csv": pairs_csv(evidence.pairs),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "data.json").write_bytes(data_json(evidence, gathered, curves))


def _all_scores(study: StudyRow, evidence: Evidence) -> list[ScoreRow]:
    types = ("", *(one.task_type for one in evidence.task_types))
    return [row for task_type in types for row in scores(study.id, evidence.split, task_type=task_type)]
