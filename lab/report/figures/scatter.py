"""Each persona under a method against the same persona under unified."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.report.figures.style import BETTER, INK, MUTED, WORSE, clear, in_style, name, page

_ACROSS = 4


@in_style
def scatter(scores: Mapping[str, Mapping[str, float]], unified: Mapping[str, float], metric: str) -> Figure:
    """One square a method, all with the same scale: above the diagonal are the personas that it serves better.

    `scores`: method → persona → score; personas that are not in `unified` are left out.
    """
    across = min(_ACROSS, len(scores))
    down = math.ceil(len(scores) / across)
    figure = page(0.5 + 2.35 * down, width=0.4 + 2.2 * across)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
    everything = [value for personas in (*scores.values(), unified) for value in personas.values()]
    low, high = min(everything), max(everything)
    room = 0.04 * (high - low) or 0.01
    for axes, (method, personas) in zip(grid, scores.items(), strict=False):
        _square(axes, method, personas, unified)
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
    for axes in list(grid)[len(scores) :]:
        clear(axes)
    figure.supxlabel(f"{metric} under unified", fontsize=9)
    figure.supylabel("under the method", fontsize=9)
    return figure


def _square(axes: Axes, method: str, scores: Mapping[str, float], unified: Mapping[str, float]) -> None:
    shared = sorted(scores.keys() & unified.keys())
    x, y = (np.array([one[persona] for persona in shared]) for one in (unified, scores))
    axes.axline((0, 0), slope=1, color=INK, linewidth=0.8)
    for rows, ink in ((y > x, BETTER), (y < x, WORSE), (y == x, MUTED)):
        axes.plot(x[rows], y[rows], "o", color=ink, markersize=3.5, alpha=0.7, markeredgewidth=0)
    axes.set_title(name(method, 26), fontsize=8.5)
    axes.annotate(f"{(y > x).sum()} better, {(y < x).sum()} worse", (0.04, 0.93), xycoords="axes fraction", fontsize=7)
