"""The curves of the trainings: loss by step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lab.report.figures.style import BETTER, WORSE, clear, in_style, name, page
from lab.report.parts import LossCurve

_ACROSS = 4


@in_style
def losses(curves: Sequence[LossCurve]) -> Figure:
    """One square a training: NLL per token on train and val, mean over its groups, and the best val step."""
    across = min(_ACROSS, len(curves))
    down = math.ceil(len(curves) / across)
    figure = page(0.7 + 1.75 * down, width=0.5 + 2.2 * across)
    grid = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    for axes, curve in zip(grid, curves, strict=False):
        _square(axes, curve)
    for axes in grid[len(curves) :]:
        clear(axes)
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("NLL per token", fontsize=9)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def _square(axes: Axes, curve: LossCurve) -> None:
    for points, ink, words in ((curve.train, BETTER, "train"), (curve.val, WORSE, "val")):
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, color=ink, label=words, linewidth=1, marker="o" if words == "val" else "", markersize=2.5)
    if curve.val:
        step, best = min(curve.val, key=lambda point: point[1])
        axes.plot(step, best, "o", color=WORSE, markersize=7, markerfacecolor="none", label="best val")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_title(f"{name(curve.method, 24)}" + (f", seed {curve.seed}" if curve.seed else ""), fontsize=8.5)
