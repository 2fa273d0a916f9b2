"""What several sections need: the methods in order of quality, cut where there is no room, and the figures drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from lab.metrics.aggregate import METRICS
from lab.report.document.blocks import Picture
from lab.report.evidence import Evidence, MethodEvidence


@dataclass(slots=True)
class Album:
    """The figures of a report by name, in the order they were drawn."""

    figures: dict[str, Figure] = field(default_factory=dict)

    def add(self, name: str, figure: Figure, alt: str, caption: str) -> Picture:
        """Keep a figure; gives the block that shows it."""
        self.figures[name] = figure
        return Picture(name, alt, caption)


def lower_is_better(evidence: Evidence) -> bool:
    """Whether small values of the report's metric are good ones."""
    metric = METRICS.get(evidence.metric)
    return metric is not None and metric.higher_is_better is False


def ranked(evidence: Evidence) -> list[MethodEvidence]:
    """The methods, the best mean first."""
    sign = 1 if lower_is_better(evidence) else -1
    return sorted(evidence.methods, key=lambda one: (sign * one.summary.mean, one.name))


def shortlist(methods: Sequence[MethodEvidence], most: int) -> tuple[list[MethodEvidence], str]:
    """The first so many, with unified and base whatever their place; and a note where some are left out."""
    if len(methods) <= most:
        return list(methods), ""
    more = [one for one in methods[most:] if one.name in ("unified", "base")]
    names = "".join(f", and {one.name}" for one in more)
    return [*methods[:most], *more], f" Shown are the {most} best of {len(methods)}{names}."
