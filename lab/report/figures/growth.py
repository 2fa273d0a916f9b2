"""Learning curves over studies: what more dialogues per persona, or a larger base, are worth."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.metrics.curves import CurvePoint
from lab.metrics.intervals import Interval
from lab.report.evidence import CurveEvidence
from lab.report.figures.style import GROUPS, INK, MARKERS, in_style, name, number, page

_X = {"dialogues": "dialogues per persona", "base": "parameters of the base model"}
_UNIT = {"dialogues": 1.0, "base": 1e9}


@in_style
def growth(found: CurveEvidence, metric: str) -> Figure:
    """Means, and differences from unified, with 95% intervals over personas, over a doubling scale."""
    figure = page(3.6)
    means, differences = figure.subplots(1, 2)
    differences.axhline(0, color=INK, linewidth=1)
    for place, curve in enumerate(found.curves):
        ink, mark = GROUPS[place % len(GROUPS)], MARKERS[place % len(MARKERS)]
        shift = 1 + 0.012 * (place - len(found.curves) / 2)  # so that whiskers do not hide each other
        _line(means, [(point.x * shift, point.mean, point.interval) for point in curve.points], ink, mark, curve.method)
        _line(differences, [_difference(point, shift) for point in curve.points], ink, mark, curve.method)
    for axes in (means, differences):
        xs = sorted({point.x for curve in found.curves for point in curve.points})
        axes.set_xscale("log", base=2)
        axes.set_xticks(xs, [number(x * _UNIT[found.over]) for x in xs])
        axes.minorticks_off()
        axes.set_xlabel(_X[found.over])
    means.set_ylabel(metric)
    differences.set_ylabel("difference from unified")
    figure.legend(*means.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _difference(point: CurvePoint, shift: float) -> tuple[float, float | None, Interval | None]:
    return point.x * shift, point.difference, point.difference_interval


def _line(
    axes: Axes, points: list[tuple[float, float | None, Interval | None]], ink: str, mark: str, method: str
) -> None:
    known = [(x, y, interval) for x, y, interval in points if y is not None]
    if not known:
        return
    axes.plot(
        [x for x, _, _ in known], [y for _, y, _ in known], mark + "-", color=ink, markersize=4, label=name(method)
    )
    for x, _, interval in known:
        if interval is not None:
            axes.plot([x, x], [interval.low, interval.high], color=ink, linewidth=1.2, alpha=0.8)
