"""How the personas' scores are spread under each method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from lab.metrics.intervals import Floats
from lab.report.figures.style import BETTER, INK, MUTED, in_style, name, page
from lab.report.results import FEW_PERSONAS

_ROW = 0.36  # inches
_SPARSE = 30  # up to so many, dots are large


@in_style
def violins(scores: Mapping[str, Mapping[str, float]], metric: str) -> Figure:
    """One violin a method, in the order given from the top: density, a dot for each persona, median and quartiles.

    `scores`: method → persona → score. Of fewer than 10 personas only the dots are drawn.
    """
    figure = page(max(2.0, 1.0 + _ROW * len(scores)))
    axes = figure.subplots()
    methods = list(scores)[::-1]
    for row, personas in enumerate(scores[method] for method in methods):
        values = np.array(sorted(personas.values()))
        size = 4.5 if len(values) <= _SPARSE else 2
        if len(values) >= FEW_PERSONAS and np.ptp(values) > 0:
            parts = axes.violinplot(values, positions=[row], orientation="horizontal", widths=0.85, showextrema=False)
            for body in cast(list[PolyCollection], parts["bodies"]):
                body.set(facecolor=BETTER, alpha=0.25, edgecolor=BETTER, linewidth=0.6)
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            axes.plot([low, high], [row, row], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=3)
            axes.plot(middle, row, "|", color=INK, markersize=13, markeredgewidth=2, zorder=3)
        axes.plot(
            values,
            row + _jitter(len(values)),
            "o",
            color=MUTED,
            markersize=size,
            alpha=0.7,
            markeredgewidth=0,
            rasterized=len(values) > 50,
        )
    axes.set_yticks(range(len(scores)), [name(method) for method in methods])
    axes.set(xlabel=f"{metric} of each persona", ylim=(-0.7, len(scores) - 0.3))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return figure


def _jitter(n: int) -> Floats:
    """Small heights [n] that part equal dots: the golden ratio's multiples, the same every time."""
    heights: Floats = 0.22 * (np.arange(n, dtype=np.float64) * 0.6180339887 % 1 - 0.5)
    return heights
