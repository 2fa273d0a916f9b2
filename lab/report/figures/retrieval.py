"""How quality goes with the number of retrieved dialogues."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from lab.metrics.statistics import Summary
from lab.report.figures.style import GROUPS, INK, in_style, name, page
from lab.report.parts import RetrievalCurve


@in_style
def retrieval(curves: Sequence[RetrievalCurve], unified: Summary | None, metric: str) -> Figure:
    """One line a family of methods, means with 95% intervals over personas; unified as a level line."""
    figure = page(3.0, width=6.4)
    axes = figure.subplots()
    if unified is not None:
        axes.axhline(unified.mean, color=INK, linewidth=1, linestyle="--", label="unified")
    for number, curve in enumerate(curves):
        ink = GROUPS[number % len(GROUPS)]
        ks = [k for k, _, _ in curve.points]
        axes.plot(ks, [one.mean for _, _, one in curve.points], "o-", color=ink, markersize=5, label=name(curve.name))
        for k, _, one in curve.points:
            if one.interval is not None:
                axes.plot([k, k], [one.interval.low, one.interval.high], color=ink, linewidth=1.6)
    axes.set_xticks(sorted({k for curve in curves for k, _, _ in curve.points}))
    axes.set(xlabel="retrieved dialogues, k", ylabel=metric)
    axes.legend()
    return figure
