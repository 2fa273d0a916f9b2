"""Figures show the numbers that they are given, and the same bytes for the same numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from invented import drawn, evidence
from matplotlib.figure import Figure

from lab.metrics.curves import Curve, CurvePoint
from lab.metrics.intervals import Interval
from lab.metrics.statistics import summarise
from lab.report.evidence import CurveEvidence
from lab.report.figures.bars import bars, colour
from lab.report.figures.clusters import clusters
from lab.report.figures.cost import cost, front
from lab.report.figures.growth import growth
from lab.report.figures.losses import losses
from lab.report.figures.retrieval import retrieval
from lab.report.figures.routes import routes
from lab.report.figures.scatter import scatter
from lab.report.figures.style import BETTER, INK, MUTED, WORSE, as_png, as_svg
from lab.report.figures.violins import violins
from lab.report.figures.winloss import winloss
from lab.report.parts import ClusterMap, Gain, LossCurve, Price, RetrievalCurve, Route

SCORES = drawn({"persona": -0.04, "hybrid": 0.03, "swapped": 0.0}, 12)
UNIFIED = SCORES["unified"]
OTHERS = {name: personas for name, personas in SCORES.items() if name != "unified"}
METRIC = "embedding similarity"
HOSTILE = "<b>&\x1b[31m$x^2$ `a` 莫里\u202e"

CLUSTERS = ClusterMap(
    3, "description", "kmeans", 2, 0.03, {2: 0.03, 3: 0.01}, {"a": 0, "b": 0, "c": 1},
    {"a": (0.0, 1.0), "b": (0.5, 1.0), "c": (-1.0, 0.0)}, ("cluster-kmeans",),
)  # fmt: skip
ROUTE = Route(
    7, "route-val", "val", ("unified", "hybrid"), {"a": "unified", "b": "hybrid", "c": "unified"},
    {p: {"hybrid": Gain(gain, 0.01)} for p, gain in (("a", -0.01), ("b", 0.04), ("c", 0.0))}, "",
)  # fmt: skip
CURVE = LossCurve(5, "unified", 0, ((1, 2.0), (2, 1.5), (3, 1.2)), ((2, 1.6), (3, 1.7)))
RETRIEVAL = RetrievalCurve("retrieval", tuple((k, f"r{k}", summarise(UNIFIED)) for k in (0, 3, 10)))
POINT = CurvePoint(30, 12, 0.7, Interval(0.6, 0.8), 0.02, Interval(0.0, 0.04))
GROWTH = CurveEvidence("dialogues", ("a", "b"), (Curve("hybrid", (POINT, replace(POINT, x=100)), None, None),), ())


def prices() -> list[Price]:
    seconds = {"unified": 60.0, "persona": 80.0, "hybrid": 140.0, "swapped": 0.0}
    return [Price(name, summarise(one), seconds[name], 1000, 0.25) for name, one in SCORES.items()]


DRAWN: dict[str, Callable[[], Figure]] = {
    "bars": lambda: bars(evidence(SCORES, controls={"hybrid": "swapped"}).methods, METRIC),
    "violins": lambda: violins(SCORES, METRIC),
    "scatter": lambda: scatter(OTHERS, UNIFIED, METRIC),
    "winloss": lambda: winloss(OTHERS, UNIFIED, METRIC),
    "cost": lambda: cost(prices(), METRIC),
    "clusters": lambda: clusters(CLUSTERS),
    "retrieval": lambda: retrieval([RETRIEVAL], summarise(UNIFIED), METRIC),
    "losses": lambda: losses([CURVE, replace(CURVE, val=())]),
    "growth": lambda: growth(GROWTH, METRIC),
    "routes": lambda: routes([ROUTE, replace(ROUTE, method="random-route", gains={})], METRIC),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_numbers_give_the_same_bytes(name):
    once, again = (as_svg(DRAWN[name]()) for _ in range(2))
    assert once == again
    text = once.decode()
    assert ET.fromstring(text).tag.endswith("svg")
    assert "<script" not in text
    assert not re.search(r"Matplotlib|<dc:date>", text)  # neither version nor day
    assert not re.search(r'(href|src)="(?!#|data:)', text)


def test_a_png_is_one_and_tells_no_date():
    once, again = (as_png(DRAWN["retrieval"]()) for _ in range(2))
    assert once == again
    assert once.startswith(b"\x89PNG")


def test_bars_stand_from_the_best_mean_down_and_differences_where_they_belong():
    methods = evidence(SCORES).methods
    means, differences = DRAWN["bars"]().axes
    names = [label.get_text() for label in means.get_yticklabels()]  # from the bottom up
    assert names == sorted(SCORES, key=lambda name: np.mean(list(SCORES[name].values())))
    widths = [bar.get_width() for bar in means.patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([np.mean(list(SCORES[name].values())) for name in names])
    dots = {round(float(line.get_xdata()[0]), 9) for line in differences.lines if line.get_marker() == "o"}  # type: ignore[index]
    assert dots == {round(one.versus.comparison.difference, 9) for one in methods if one.versus}


def test_colour_tells_what_the_test_says():
    methods = {one.name: one for one in evidence(SCORES).methods}
    assert [colour(methods[name]) for name in ("unified", "hybrid", "persona")] == [INK, BETTER, WORSE]
    assert colour({one.name: one for one in evidence(drawn({"same": 0.0}, 12)).methods}["same"]) == MUTED


def test_controls_are_hatched():
    means = DRAWN["bars"]().axes[0]
    hatched = {bar.get_y() for bar in means.patches if bar.get_hatch()}  # type: ignore[attr-defined]
    assert len(hatched) == 1


def test_violins_show_each_persona_and_none_is_made_up_of_few():
    axes = violins(SCORES, METRIC).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [12] * 4  # type: ignore[arg-type]
    assert sorted(map(float, dots[-1].get_xdata())) == sorted(UNIFIED.values())  # type: ignore[arg-type]
    assert len(axes.collections) == 4
    few = {name: dict(list(personas.items())[:5]) for name, personas in SCORES.items()}
    assert violins(few, METRIC).axes[0].collections[:] == []


def test_scatter_counts_who_is_above_the_line():
    square = scatter({"hybrid": SCORES["hybrid"]}, UNIFIED, METRIC).axes[0]
    better = sum(SCORES["hybrid"][persona] > value for persona, value in UNIFIED.items())
    assert [text.get_text() for text in square.texts] == [f"{better} better, {12 - better} worse"]
    assert square.get_xlim() == square.get_ylim()


def test_scatter_leaves_out_whom_unified_does_not_know():
    square = scatter({"hybrid": {**SCORES["hybrid"], "new": 0.9}}, UNIFIED, METRIC).axes[0]
    assert sum(len(line.get_xdata()) for line in square.lines if line.get_marker() == "o") == 12  # type: ignore[arg-type]


def test_fields_hold_the_differences_and_order_personas_by_gain():
    fields, shares, *_ = winloss({"hybrid": SCORES["hybrid"]}, UNIFIED, METRIC).axes
    shown = np.asarray(fields.images[0].get_array())
    expected = sorted(SCORES["hybrid"][persona] - value for persona, value in UNIFIED.items())
    assert shown[0] == pytest.approx(expected)
    assert sum(bar.get_width() for bar in shares.patches) == pytest.approx(1)  # type: ignore[attr-defined]


def test_a_persona_without_score_has_an_empty_field():
    some = dict(list(SCORES["hybrid"].items())[1:])
    shown = winloss({"hybrid": some}, UNIFIED, METRIC).axes[0].images[0].get_array()
    assert shown is not None
    assert np.isnan(np.ma.filled(shown, np.nan)).sum() == 1


def test_the_front_holds_what_no_cheaper_method_beats():
    assert front([(1, 0.5), (2, 0.4), (2, 0.7), (3, 0.7), (0.5, 0.1)]) == [4, 0, 2]


def test_what_costs_nothing_stands_at_the_edge():
    squares = cost(prices(), METRIC).axes
    assert [text.get_text() for text in squares[0].texts].count("none") == 1
    assert min(map(float, squares[0].lines[0].get_xdata())) == 30  # type: ignore[arg-type]
    assert squares[0].get_xscale() == "log"


def test_clusters_have_a_mark_each_and_k_is_ringed():
    plane, quality = clusters(CLUSTERS).axes
    assert [len(line.get_xdata()) for line in plane.lines] == [2, 1]  # type: ignore[arg-type]
    assert len({(line.get_marker(), line.get_color()) for line in plane.lines}) == 2
    ring = quality.lines[-1]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([2], [0.03])  # type: ignore[arg-type]


def test_a_clustering_without_silhouette_says_so():
    quality = clusters(replace(CLUSTERS, tried={}, silhouette=None)).axes[1]
    assert "no silhouette" in quality.texts[0].get_text()


def test_retrieval_has_its_ks_and_the_level_of_unified():
    axes = retrieval([RETRIEVAL], summarise(UNIFIED), METRIC).axes[0]
    assert list(axes.get_xticks()) == [0, 3, 10]
    assert list(axes.lines[0].get_ydata()) == [summarise(UNIFIED).mean] * 2  # type: ignore[arg-type]


def test_losses_ring_the_best_val_step():
    square = losses([CURVE]).axes[0]
    assert (list(square.lines[2].get_xdata()), list(square.lines[2].get_ydata())) == ([2], [1.6])  # type: ignore[arg-type]


def test_routes_count_personas_and_mute_those_who_stay():
    bars_, gains = routes([ROUTE], METRIC).axes
    assert [bar.get_width() for bar in bars_.patches] == [2, 1]  # type: ignore[attr-defined]
    colours = [line.get_color() for line in gains.lines if line.get_marker() == "o"]
    assert colours.count(MUTED) == 2


def test_growth_stands_on_doublings():
    means, differences = growth(GROWTH, METRIC).axes
    assert list(means.get_xticks()) == [30, 100]
    assert list(differences.lines[1].get_ydata()) == [0.02, 0.02]  # type: ignore[arg-type]


def test_hostile_names_stay_words():
    scores = {**SCORES, HOSTILE: SCORES["hybrid"]}
    scores = {
        method: {f"{HOSTILE}{n}": value for n, value in enumerate(one.values())} for method, one in scores.items()
    }
    others = {name: one for name, one in scores.items() if name != "unified"}
    for figure in (winloss(others, scores["unified"], METRIC), scatter(others, scores["unified"], METRIC)):
        text = as_svg(figure).decode()
        words = "".join(ET.fromstring(text).itertext())
        assert "<b>&" in words
        assert "$x^2$" in words  # not a formula
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_many_methods_make_a_taller_figure():
    few, many = (bars(evidence(drawn({f"m{n}": 0.0 for n in range(size)}, 8)).methods, METRIC) for size in (3, 44))
    assert many.get_figheight() > 2 * few.get_figheight()
