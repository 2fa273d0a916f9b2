"""Mean of each method with its interval, and its difference from unified."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lab.metrics.intervals import Interval
from lab.report.evidence import MethodEvidence
from lab.report.figures.style import BETTER, INK, MUTED, WORSE, in_style, name, page

_ROW = 0.21  # inches


def colour(method: MethodEvidence) -> str:
    """By what the test says of it, corrected for all methods; unified itself in ink."""
    if method.versus is None:
        return INK
    return BETTER if method.versus.gains else WORSE if method.versus.loses else MUTED


@in_style
def bars(methods: Sequence[MethodEvidence], metric: str) -> Figure:
    """Methods from the best mean (top) to the worst: bars from zero beside paired differences from unified.

    Bars begin at zero, so their lengths can be compared; what is small beside them is seen at the right. Controls are
    hatched. Whiskers are 95% intervals over personas.
    """
    ordered = sorted(methods, key=lambda one: (one.summary.mean, one.name))
    figure = page(max(2.4, 1.2 + _ROW * len(ordered)))
    means, differences = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    _means(means, ordered)
    _differences(differences, ordered)
    means.set(xlabel=metric, ylim=(-0.7, len(ordered) - 0.3))
    differences.set_xlabel("difference from unified, persona by persona")
    for axes in (means, differences):
        axes.grid(visible=False, axis="y")
    figure.legend(handles=_legend(ordered), loc="outside lower center", ncols=5)
    return figure


def _means(axes: Axes, methods: Sequence[MethodEvidence]) -> None:
    for row, method in enumerate(methods):
        mean = method.summary.mean
        patch = axes.barh(row, mean, height=0.72, color=colour(method), alpha=0.45, edgecolor=colour(method))
        if method.is_control:
            patch[0].set_hatch("////")
        _whisker(axes, row, method.summary.interval, INK)
    axes.set_yticks(range(len(methods)), [name(method.name) for method in methods])
    axes.tick_params(axis="y", length=0)


def _differences(axes: Axes, methods: Sequence[MethodEvidence]) -> None:
    axes.axvline(0, color=INK, linewidth=1)
    for row, method in enumerate(methods):
        if method.versus is None:
            continue
        comparison = method.versus.comparison
        _whisker(axes, row, comparison.interval, colour(method))
        face = "none" if method.is_control else colour(method)
        axes.plot(comparison.difference, row, "o", markersize=5, color=colour(method), markerfacecolor=face)


def _whisker(axes: Axes, row: int, interval: Interval | None, ink: str) -> None:
    if interval is not None:
        axes.plot([interval.low, interval.high], [row, row], color=ink, linewidth=1.6, solid_capstyle="butt")


def _legend(methods: Sequence[MethodEvidence]) -> list[Patch]:
    """Only what is there."""
    said = {
        INK: "unified",
        BETTER: "better than unified, p < 0.05 (Holm)",
        WORSE: "worse, p < 0.05 (Holm)",
        MUTED: "no difference shown",
    }
    there = {colour(method) for method in methods}
    found = [Patch(color=ink, alpha=0.6, label=words) for ink, words in said.items() if ink in there]
    if any(method.is_control for method in methods):
        found.append(Patch(facecolor="none", edgecolor=MUTED, hatch="////", label="control"))
    return found
