"""Quality against cost: training, what has to be kept, and how long an answer takes."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.report.figures.style import BETTER, INK, MUTED, in_style, logarithmic, name, page
from lab.report.parts import Price

_NOTHING = 0.5  # where zero stands on a logarithmic axis, as a share of the smallest other value
_LABELS = 9
_AXES = (
    ("train_seconds", "making it, seconds"),
    ("parameters", "parameters kept"),
    ("seconds_per_answer", "seconds per answer"),
)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points that no other one beats: none is cheaper and at least as good, or as cheap and better."""
    best, found = float("-inf"), []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[index][1] > best:
            best = points[index][1]
            found.append(index)
    return found


@in_style
def cost(prices: Sequence[Price], metric: str, *, lower_is_better: bool = False) -> Figure:
    """Three squares: each method's mean over its cost, logarithmic; names for those that no other one beats.

    What costs nothing stands at the left edge.
    """
    figure = page(3.6)
    grid = figure.subplots(1, 3, sharey=True)
    for axes, (field, words) in zip(grid, _AXES, strict=True):
        known = [(float(getattr(one, field)), one) for one in prices if getattr(one, field) is not None]
        if known:
            _square(axes, known, -1 if lower_is_better else 1)
        axes.set_xlabel(words)
    grid[0].set_ylabel(metric)
    return figure


def _square(axes: Axes, known: list[tuple[float, Price]], sign: int) -> None:
    smallest = min((x for x, _ in known if x > 0), default=1.0)
    x = [cost if cost > 0 else _NOTHING * smallest for cost, _ in known]
    y = [price.summary.mean for _, price in known]
    best = front([(a, sign * b) for a, b in zip(x, y, strict=True)])
    axes.plot(x, y, "o", color=MUTED, markersize=4, alpha=0.8)
    axes.plot([x[i] for i in best], [y[i] for i in best], "o-", color=BETTER, markersize=5, drawstyle="steps-post")
    if any(cost == 0 for cost, _ in known):
        axes.axvline(min(x), color=MUTED, linewidth=0.8, linestyle=":")
        axes.annotate("none", (min(x), 0.01), xycoords=("data", "axes fraction"), fontsize=7, color=MUTED, ha="center")
    axes.margins(x=0.08, y=0.12)
    logarithmic(axes)
    named = dict.fromkeys([*[i for i, (_, one) in enumerate(known) if one.method in ("base", "unified")], *best[::-1]])
    _label(axes, [(known[i][1].method, x[i], y[i]) for i in named])


def _label(axes: Axes, points: list[tuple[str, float, float]]) -> None:
    """Names beside their points, the first ones first; a name that would stand on another one is left out."""
    taken: list[tuple[float, float]] = []
    for method, x, y in points:
        across, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
        if len(taken) == _LABELS or any(abs(up - other) < 0.09 and abs(across - side) < 0.5 for side, other in taken):
            continue
        taken.append((across, up))
        right = across > 0.5
        axes.annotate(
            name(method, 24),
            (x, y),
            xytext=(-5 if right else 5, 5),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=7,
            color=INK,
        )
