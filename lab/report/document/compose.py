"""Put a report together: its sections in the order they are read, and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.report.document.blocks import Document, Section
from lab.report.document.gather import Gathered
from lab.report.document.sections import checks, costs, overview, parts, readings, remake, results
from lab.report.document.sections.shared import Album
from lab.report.document.words import count, label
from lab.report.evidence import CurveEvidence, Evidence


def compose(evidence: Evidence, gathered: Gathered, curves: Sequence[CurveEvidence] = ()) -> tuple[Document, Album]:
    """The report of a study, as far as it has come; what is not there is left out, and the first section says so."""
    album = Album()
    sections = tuple(one for one in _sections(evidence, gathered, curves, album) if one is not None)
    subtitle = (
        f"Does personalising beat one model for everybody? {count(len(evidence.methods), 'method')}, "
        f"{count(evidence.n_personas, 'persona')} of {evidence.dataset}, {evidence.base}, {evidence.split} split, "
        f"{label(evidence.metric)}."
    )
    return Document(f"Study {evidence.study}", subtitle, sections), album


def _sections(
    evidence: Evidence, gathered: Gathered, curves: Sequence[CurveEvidence], album: Album
) -> Iterator[Section | None]:
    yield overview.summary(evidence, gathered)
    yield overview.studied(evidence, gathered)
    if evidence.methods:
        yield results.results(evidence, gathered, album)
        yield checks.criteria(evidence)
        yield checks.controls(evidence)
        yield results.task_types(evidence)
        yield results.tests(evidence)
        yield results.pairs(evidence)
        yield results.seeds(evidence)
        yield results.others(evidence)
        yield checks.ceiling(evidence)
        yield checks.protocol(evidence)
    yield parts.growth(curves, evidence.metric, album)
    yield parts.clusters(gathered, album)
    yield parts.retrieval(evidence, gathered, album)
    yield parts.routes(evidence, gathered, album)
    yield parts.training(gathered, album)
    yield costs.costs(evidence, gathered, album)
    if evidence.methods:
        yield readings.answers(evidence, gathered)
        yield readings.published(evidence, gathered)
    yield remake.trace(evidence, gathered)
    yield remake.remake(evidence, gathered)
