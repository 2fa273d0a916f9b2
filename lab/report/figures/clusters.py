"""Clusters of personas on a plane, and how good a clustering each k gives."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lab.report.figures.style import GROUPS, INK, MARKERS, MUTED, in_style, name, page
from lab.report.parts import ClusterMap

_NAMED = 20  # personas; of more, names would hide the dots
_LISTED = 16  # clusters in the legend


@in_style
def clusters(found: ClusterMap) -> Figure:
    """The personas on their first two principal components, a colour and mark for each cluster, and silhouette by k."""
    figure = page(3.6)
    plane, quality = figure.subplots(1, 2, width_ratios=(1.7, 1))
    _plane(plane, found)
    _quality(quality, found)
    figure.suptitle(f"{found.how} of {found.by}s" if found.by == "description" else f"{found.how} of {found.by}")
    return figure


def _plane(axes: Axes, found: ClusterMap) -> None:
    for label in sorted(set(found.labels.values())):
        members = [persona for persona, own in found.labels.items() if own == label]
        x, y = zip(*(found.places[persona] for persona in members), strict=True)
        ink, mark = GROUPS[label % len(GROUPS)], MARKERS[(label + label // len(GROUPS)) % len(MARKERS)]
        words = f"{label} ({len(members)})" if label < _LISTED else None
        axes.plot(x, y, mark, color=ink, markersize=5, alpha=0.85, label=words, linestyle="none")
    if len(found.labels) <= _NAMED:
        for persona, place in found.places.items():
            axes.annotate(name(persona, 16), place, xytext=(4, 4), textcoords="offset points", fontsize=6.5)
    axes.set(xlabel="first component", ylabel="second component")
    axes.legend(title="cluster (personas)", loc="center left", bbox_to_anchor=(1, 0.5), title_fontsize=8)


def _quality(axes: Axes, found: ClusterMap) -> None:
    axes.axhline(0, color=MUTED, linewidth=0.8)
    if not found.tried:
        axes.annotate("no silhouette:\nnot defined for this k", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    ks = sorted(found.tried)
    axes.plot(ks, [found.tried[k] for k in ks], "o-", color=GROUPS[0], markersize=4)
    if found.k in found.tried:
        axes.plot(found.k, found.tried[found.k], "o", color=INK, markersize=9, markerfacecolor="none")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(ks[0] - 1, ks[-1] + 1)
    axes.set(xlabel="k (ringed: taken)", ylabel="mean silhouette, −1 to 1")
