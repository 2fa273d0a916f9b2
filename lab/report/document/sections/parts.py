"""What lies behind some methods: clusters, retrieval's k, routers, and how training went."""

from __future__ import annotations

from collections.abc import Sequence

from lab.report.document.blocks import Block, Paragraph, Section, Table, columns
from lab.report.document.gather import Gathered
from lab.report.document.retrieval import retrieval_curves
from lab.report.document.sections.shared import Album
from lab.report.document.words import (
    NOTHING,
    count,
    difference,
    interval,
    label,
    listed,
    number,
    p_value,
    signed,
    summary,
)
from lab.report.evidence import CurveEvidence, Evidence
from lab.report.figures.clusters import clusters as clusters_figure
from lab.report.figures.growth import growth as growth_figure
from lab.report.figures.losses import losses as losses_figure
from lab.report.figures.retrieval import retrieval as retrieval_figure
from lab.report.figures.routes import routes as routes_figure

_MAPS, _TRAININGS = 6, 16


def clusters(gathered: Gathered, album: Album) -> Section | None:
    """Each clustering with its silhouette; a map of the first few."""
    found = gathered.clusters
    if not found:
        return None
    rows = tuple(
        (
            f"job {one.job}",
            one.by,
            one.how,
            str(one.k),
            number(one.silhouette),
            ", ".join(map(str, one.sizes)),
            listed(one.methods, 4),
        )
        for one in found
    )
    titles = ("clustering", "by", "how", "k", "silhouette", "personas in each", "used by")
    note = "Mean silhouette from −1 to 1: near 0 the clusters are no groups. The published study had 0.022 for k = 5."
    heads = (*columns(*titles[:3], words=3), *columns(*titles[3:6], words=0), *columns(titles[6]))
    blocks: list[Block] = [Table(heads, rows, note)]
    for one in found[:_MAPS]:
        silhouette = "no silhouette" if one.silhouette is None else f"silhouette {one.silhouette:.3f}"
        blocks.append(
            album.add(
                f"clusters-{one.job}",
                clusters_figure(one),
                f"{len(one.labels)} personas in {one.k} clusters on a plane, and silhouette by k",
                f"{one.how} by {one.by} (job {one.job}): {one.k} clusters, {silhouette}. Left: the vectors' first two "
                "principal components, which need not show what parts them.",
            )
        )
    if len(found) > _MAPS:
        blocks.append(Paragraph(f"Maps of the first {_MAPS} of {len(found)} clusterings are shown."))
    return Section("clusters", "Clusters", tuple(blocks))


def retrieval(evidence: Evidence, gathered: Gathered, album: Album) -> Section | None:
    """Quality over the number of retrieved dialogues."""
    summaries = {one.name: one.summary for one in evidence.methods}
    curves = retrieval_curves(gathered.declared, summaries)
    if not curves:
        return None
    picture = album.add(
        "retrieval",
        retrieval_figure(curves, summaries.get("unified"), label(evidence.metric)),
        f"{label(evidence.metric)} over the number of retrieved dialogues",
        "Means with 95% intervals over personas. The intervals hold the spread between personas; whether k matters is "
        "told by paired differences, in the table of results and in pairs.csv.",
    )
    rows = tuple((curve.name, str(k), method, summary(one)) for curve in curves for k, method, one in curve.points)
    table = Table(
        (*columns("family", words=1), *columns("k", words=0), *columns("method", label(evidence.metric))), rows
    )
    return Section("retrieval", "Retrieval", (picture, table))


def routes(evidence: Evidence, gathered: Gathered, album: Album) -> Section | None:
    """Whom the routers gave to which method, and why."""
    found = gathered.routes
    if not found:
        return None
    picture = album.add(
        "routes",
        routes_figure(found, label(evidence.metric)),
        f"How many personas each of {len(found)} routers gives to each method",
        "Routers read val scores only. Below, if one judged personas: the best candidate's gain on val with one "
        "posterior "
        "standard deviation; in colour where the persona was moved, grey where doubt kept it.",
    )
    rows = []
    for one in found:
        ours = evidence.method(one.method)
        chosen = ", ".join(f"{method} {n}" for method, n in one.counts.items())
        gain = difference(ours.versus.comparison) if ours and ours.versus else NOTHING
        rows.append((one.method, one.how, chosen, gain, one.note or NOTHING))
    titles = (
        *columns("router", "how", "personas served by", f"{evidence.split}: minus unified", words=3),
        *columns("note"),
    )
    return Section("routes", "Routing", (picture, Table(titles, tuple(rows))))


def training(gathered: Gathered, album: Album) -> Section | None:
    """Loss curves."""
    if not gathered.losses:
        return None
    shown = gathered.losses[:_TRAININGS]
    note = f" Shown are {len(shown)} of {len(gathered.losses)} trainings." if len(shown) < len(gathered.losses) else ""
    picture = album.add(
        "losses",
        losses_figure(shown),
        f"Loss curves of {count(len(shown), 'training')}",
        "NLL per supervised token. Train: mean over the groups that had that step. Val: mean over all groups, those of "
        "a sweep too, of their first validations, their second, …, as far as none had stopped; the ring marks the best "
        f"one. What is kept is each group's own best.{note}",
    )
    return Section("training", "Training", (picture,))


def growth(found: Sequence[CurveEvidence], metric: str, album: Album) -> Section | None:
    """Learning curves over studies."""
    blocks: list[Block] = []
    for one in found:
        what = "dialogues per persona" if one.over == "dialogues" else "size of the base model"
        blocks.append(
            album.add(
                f"growth-{one.over}",
                growth_figure(one, label(metric)),
                f"{label(metric)} over the {what} in {len(one.studies)} studies",
                f"Studies {', '.join(one.studies)}, which differ in the {what} alone. Lines: 95% intervals over "
                "personas.",
            )
        )
        rows = tuple(
            (
                curve.method,
                signed(curve.trend.slope if curve.trend else None, 4),
                interval(curve.trend.interval, 4) if curve.trend else "",
                signed(curve.difference_trend.slope if curve.difference_trend else None, 4),
                interval(curve.difference_trend.interval, 4) if curve.difference_trend else "",
                p_value(curve.difference_trend.p) if curve.difference_trend else NOTHING,
            )
            for curve in one.curves
        )
        titles = ("method", "per doubling", "95%", "minus unified, per doubling", "95%", "p")
        blocks.append(Table(columns(*titles), rows, " ".join(one.notes)))
    return Section("growth", "More data, larger models", tuple(blocks)) if blocks else None
