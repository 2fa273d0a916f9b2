"""What the routers decided, and on what."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.report.figures.style import GROUPS, INK, MUTED, in_style, name, page
from lab.report.parts import Route

_ROW = 0.34  # inches


@in_style
def routes(found: Sequence[Route], metric: str) -> Figure:
    """For each router a bar of the personas each method serves; below, the gains one of them saw on val.

    The gains are of the first router that judged personas: each persona's best candidate with ±1 posterior standard
    deviation where there is one, in the colour of the method that it was given; muted where it stayed.
    """
    judged = next((one for one in found if any(one.gains.values())), None)
    tall = 0.9 + _ROW * len(found)
    figure = page(tall + (2.4 if judged else 0))
    methods = list(dict.fromkeys(method for one in found for method in one.among))
    colours = {method: GROUPS[number % len(GROUPS)] for number, method in enumerate(methods)}
    if judged is None:
        _counts(figure.subplots(), found, colours)
    else:
        bars, gains = figure.subplots(2, 1, height_ratios=(tall, 2.4))
        _counts(bars, found, colours)
        _gains(gains, judged, colours, metric)
    return figure


def _counts(axes: Axes, found: Sequence[Route], colours: dict[str, str]) -> None:
    labelled: set[str] = set()
    for row, route in enumerate(reversed(found)):
        left = 0
        for method, count in route.counts.items():
            words = None if method in labelled else name(method)
            labelled.add(method)
            axes.barh(row, count, left=left, height=0.65, color=colours[method], alpha=0.85, label=words)
            if count:
                axes.annotate(str(count), (left + count / 2, row), ha="center", va="center", color="white", fontsize=8)
            left += count
    axes.set_yticks(range(len(found)), [name(route.method) for route in reversed(found)])
    axes.set_xlabel("personas served by each method")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)


def _gains(axes: Axes, route: Route, colours: dict[str, str], metric: str) -> None:
    best = {persona: max(gains.items(), key=lambda one: one[1].gain) for persona, gains in route.gains.items() if gains}
    ordered = sorted(best, key=lambda persona: (best[persona][1].gain, persona))
    axes.axhline(0, color=INK, linewidth=0.8)
    for x, persona in enumerate(ordered):
        candidate, gain = best[persona]
        ink = colours[candidate] if route.chosen[persona] == candidate else MUTED
        if gain.sd is not None:
            axes.plot([x, x], [gain.gain - gain.sd, gain.gain + gain.sd], color=ink, linewidth=1)
        axes.plot(x, gain.gain, "o", color=ink, markersize=4)
    axes.set_xticks([])
    axes.set_xlabel(f"personas, by the gain of their best candidate as {name(route.method)} saw it on val")
    axes.set_ylabel(f"{metric}\nover {name(route.among[0])}")
