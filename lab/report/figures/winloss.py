"""Who wins and who loses: every persona under every method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lab.metrics.intervals import Floats
from lab.report.figures.style import BETTER, MUTED, WORSE, in_style, name, page

_ROW = 0.22  # inches
_NAMED = 30  # personas; more have no room for their names
_COLOURS = LinearSegmentedColormap.from_list("against unified", (WORSE, "#f6f6f6", BETTER))


@in_style
def winloss(scores: Mapping[str, Mapping[str, float]], unified: Mapping[str, float], metric: str) -> Figure:
    """A field for each persona (columns, who gains least at the left) and method (rows, as given), and shares.

    The colour is the difference from unified, cut at the 98th percentile of its size; a field without score is empty.
    The bars tell the share of personas that win, tie and lose.
    """
    personas = sorted(unified)
    table = np.array(
        [[row[one] - unified[one] if one in row else np.nan for one in personas] for row in scores.values()]
    )  # [methods, personas]
    gains = np.where(np.isnan(table), 0, table).mean(axis=0)
    order = np.argsort(gains, kind="stable")
    figure = page(max(2.6, 1.6 + _ROW * len(scores)))
    fields, shares = figure.subplots(1, 2, sharey=True, width_ratios=(3.4, 1))
    largest = float(np.nanquantile(np.abs(table), 0.98)) or 1.0
    shown = fields.imshow(
        table[:, order], aspect="auto", cmap=_COLOURS, vmin=-largest, vmax=largest, interpolation="nearest"
    )
    fields.set_yticks(range(len(scores)), [name(method) for method in scores])
    if len(personas) <= _NAMED:
        fields.set_xticks(range(len(personas)), [name(personas[i], 16) for i in order], rotation=90)
    else:
        fields.set_xticks([])
    fields.set_xlabel(f"{len(personas)} personas, who gains least at the left")
    fields.grid(visible=False)
    for row, differences in enumerate(table):
        _shares(shares, row, differences[~np.isnan(differences)])
    shares.axvline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
    shares.set(xlim=(0, 1), xlabel="better | same | worse")
    shares.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    figure.colorbar(shown, ax=fields, label=f"{metric} against unified", location="top", aspect=50, pad=0.02)
    return figure


def _shares(axes: Axes, row: int, differences: Floats) -> None:
    """One bar of three parts."""
    left = 0.0
    for part, ink in ((differences > 0, BETTER), (differences == 0, "#d0d7de"), (differences < 0, WORSE)):
        share = float(part.mean()) if len(part) else 0.0
        axes.barh(row, share, left=left, height=0.7, color=ink)
        left += share
