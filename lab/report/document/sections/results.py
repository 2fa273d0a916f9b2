"""Every method on the report's metric, on the others, by task type, in pairs and by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.metrics.paired import Against
from lab.metrics.statistics import Comparison
from lab.report.document.blocks import Block, Paragraph, Section, Table, columns
from lab.report.document.gather import Gathered
from lab.report.document.sections.shared import Album, ranked, shortlist
from lab.report.document.words import NOTHING, difference, label, number, p_value, share, signed, summary
from lab.report.evidence import Evidence, MethodEvidence
from lab.report.figures.bars import bars
from lab.report.figures.scatter import scatter
from lab.report.figures.violins import violins
from lab.report.figures.winloss import winloss
from lab.report.results import FEW_PERSONAS, MethodResult

_VIOLINS, _SQUARES, _PAIRED = 20, 11, 7
_ENOUGH = 50  # personas from which intervals hold what they say
COVERED = {3: "69 to 72%", 5: "79 to 84%", 8: "85 to 89%", 12: "89 to 91%", 20: "92 to 93%", 30: "92 to 94%"}
_DENSITIES = " Violins are densities, dark lines quartiles and medians."
_FEW = 6  # personas; below, an interval is little more than their values
_COUNTED = (
    "device_precision", "device_recall", "device_f1", "parameter_precision", "parameter_recall", "parameter_f1",
)  # fmt: skip
_REST = (
    "numerical_precision", "numerical_precision_macro", "numerical_precision_as_published", "numerical_recall",
    "token_nll", "length_ratio",
)  # fmt: skip


def results(evidence: Evidence, gathered: Gathered, album: Album) -> Section:
    """The main table and its figures."""
    metric, methods = label(evidence.metric), ranked(evidence)
    titles = ("method", metric, "minus unified", "p", "improved", "worst persona", "its difference")
    note = (
        "In brackets 95% intervals over personas (BCa bootstrap; of shares Wilson's), each taken alone. p: two-sided "
        "paired "
        "t-test over personas, Holm-corrected for all methods of this table. Improved: share of personas strictly "
        "better. "
        "Worst persona: the lowest score; its difference: the largest loss of any persona against unified. † a control."
        + coverage(evidence.n_personas)
    )
    table = Table(columns(*titles), tuple(_row(one) for one in methods), note)
    return Section("results", f"Results: {metric}", (table, *_identical(gathered), *_figures(evidence, methods, album)))


def coverage(n: int) -> str:
    """What simulations say of intervals over few personas: the rows of docs/evidence.md, the next below n."""
    if not 1 < n < _ENOUGH:
        return ""
    simulated = max((few for few in COVERED if few <= n), default=min(COVERED))
    return (
        " Intervals over so few personas hold the true mean less often than 95%: "
        f"in simulations, with {simulated} personas, {COVERED[simulated]} of the time."
    )


def _identical(gathered: Gathered) -> Iterator[Paragraph]:
    """Methods whose answers are the same to the byte: they are one method here, whatever they are called."""
    answers: dict[str, list[tuple[int, str]]] = {}
    for one in gathered.traced:
        answers.setdefault(one.method, []).append((one.seed, one.sha256))
    alike: dict[tuple[tuple[int, str], ...], list[str]] = {}
    for method, digests in answers.items():
        if all(digest for _, digest in digests):
            alike.setdefault(tuple(sorted(digests)), []).append(method)
    if told := [" = ".join(names) for names in alike.values() if len(names) > 1]:
        yield Paragraph(f"The same answers, to the letter: {'; '.join(told)}.")


def _row(method: MethodEvidence) -> tuple[str, ...]:
    worst = method.summary.worst
    lowest = f"{number(worst.value)} ({worst.persona_id})"
    if method.versus is None:
        return (_name(method), summary(method.summary), *[NOTHING] * 3, lowest, NOTHING)
    found = method.versus.comparison
    return (
        _name(method),
        summary(method.summary),
        difference(found),
        p_value(method.versus.p_holm, tested=found.interval is not None),
        _improved(found),
        lowest,
        f"{signed(found.worst.value)} ({found.worst.persona_id})",
    )


def _improved(found: Comparison) -> str:
    bounds = found.improved_interval
    return share(found.improved) + (f" [{share(bounds.low)}, {share(bounds.high)}]" if bounds else "")


def tests(evidence: Evidence) -> Section | None:
    """Every test in full."""
    compared = [one for one in ranked(evidence) if one.versus is not None]
    if not compared:
        return None
    titles = (
        "method", "personas", "left out", "difference", "t", "p (t)", "Holm", "p (Wilcoxon)", "Holm", "effect size",
        "smallest detectable",
    )  # fmt: skip
    note = (
        "Against unified. Left out: personas with a score on one side only. Effect size: Cohen's d of the paired "
        "differences. Smallest detectable: the true difference found with power 0.8 at p < 0.05, uncorrected, given "
        "the "
        "spread seen here."
    )
    rows = tuple(_tested(_name(one), one.versus) for one in compared if one.versus)
    return Section("tests", "The tests in full", (Table(columns(*titles), rows, note),))


def _tested(name: str, versus: Against) -> tuple[str, ...]:
    found = versus.comparison
    tested = found.interval is not None
    return (
        name,
        str(found.n),
        str(found.left_out),
        signed(found.difference, 4),
        signed(found.t, 2),
        *(p_value(p, tested=tested) for p in (found.t_p, versus.p_holm, found.wilcoxon_p, versus.wilcoxon_p_holm)),
        signed(found.effect_size, 2),
        number(found.detectable, 4),
    )


def _name(method: MethodEvidence) -> str:
    return f"{method.name} †" if method.is_control else method.name


def _figures(evidence: Evidence, methods: list[MethodEvidence], album: Album) -> list[Block]:
    metric = label(evidence.metric)
    n = evidence.n_personas
    found: list[Block] = [
        album.add(
            "bars",
            bars(methods, metric),
            f"Bars of the mean {metric} of {len(methods)} methods, and their differences from unified",
            "Mean over personas from zero, and the paired difference from unified, which decides. Lines: 95% intervals "
            "over personas. Colour: what the test says after Holm's correction.",
        )
    ]
    few, note = shortlist(methods, _VIOLINS)
    found.append(
        album.add(
            "violins",
            violins({_name(one): evidence.scores[one.name] for one in few}, metric),
            f"The spread of {metric} over {n} personas under each method",
            f"Every persona a dot.{_DENSITIES if n >= FEW_PERSONAS else ''}{note}",
        )
    )
    unified = evidence.scores.get("unified")
    compared = [one for one in methods if one.versus is not None]
    if not unified or not compared:
        return found
    few, note = shortlist(compared, _SQUARES)
    found.append(
        album.add(
            "scatter",
            scatter({_name(one): evidence.scores[one.name] for one in few}, unified, metric),
            f"Each persona's {metric} under a method against the same persona's under unified",
            f"Each dot is a persona; above the line it is served better than by unified.{note}",
        )
    )
    found.append(
        album.add(
            "winloss",
            winloss({_name(one): evidence.scores[one.name] for one in compared}, unified, metric),
            f"Who gains and who loses: {n} personas under {len(compared)} methods",
            "Each field is a persona under a method; blue is better than unified, orange worse; the colours "
            "end where 98% of all differences lie within. Bars: share of personas better, same and worse.",
        )
    )
    return found


def others(evidence: Evidence) -> Section:
    """The other metrics: those that are tested, then the means of all."""
    order = {one.name: place for place, one in enumerate(ranked(evidence))}
    methods = sorted(evidence.table.methods, key=lambda one: order.get(one.name, len(order)))
    note = (
        "Means over personas. Precision counts what was said, recall what should have been; without a word they are "
        "micro "
        "averages over a persona's turns, 'macro' averages turns that have something to count, 'as published' gives "
        "turns "
        "without anything 0. token NLL: lower is better. length ratio: answer to reference, 1 is equal."
    )
    tables = [_others_tested(evidence), *(_means(methods, names) for names in (_COUNTED, _REST))]
    return Section("metrics", "Other metrics", (*filter(None, tables), Paragraph(note)))


def _others_tested(evidence: Evidence) -> Table | None:
    """Differences from unified in the metrics that are tested too."""
    by_metric = [{one.method: one for one in found.versus} for found in evidence.others]
    rows = tuple(
        (_name(method), *(cell for found in by_metric for cell in _other(found.get(method.name))))
        for method in ranked(evidence)
        if any(method.name in found for found in by_metric)
    )
    titles = [title for found in evidence.others for title in (f"{label(found.metric)}, minus unified", "p", "better")]
    note = (
        "p: paired t-test, Holm-corrected over the methods for each metric by itself. Better: share of personas whose "
        "score is strictly better, which of token NLL is the lower one. † a control."
    )
    return Table(columns("method", *titles), rows, note) if rows else None


def _other(versus: Against | None) -> tuple[str, str, str]:
    if versus is None:
        return (NOTHING, NOTHING, NOTHING)
    found = versus.comparison
    return difference(found), p_value(versus.p_holm, tested=found.interval is not None), share(found.improved)


def _means(methods: Sequence[MethodResult], names: Sequence[str]) -> Table | None:
    """The metrics that are there; None for none of them."""
    there = [name for name in names if any(name in one.metrics for one in methods)]
    rows = tuple(
        (one.name, *(number(one.metrics[name].mean if name in one.metrics else None) for name in there))
        for one in methods
    )
    return Table(columns("method", *map(label, there)), rows) if there else None


def task_types(evidence: Evidence) -> Section | None:
    """Differences from unified on the turns of each task type."""
    types = evidence.task_types
    if not types:
        return None
    by_type = [{one.method: one for one in found.versus} for found in types]
    rows = tuple(
        (_name(one), *(_cell(found.get(one.name)) for found in by_type))
        for one in ranked(evidence)
        if one.versus is not None
    )
    titles = [f"{found.task_type} ({found.n_personas} personas)" for found in types]
    note = (
        f"{label(evidence.metric)} minus unified with 95% interval, over {_FEW} personas or more; * p < 0.05 after "
        "Holm over all methods and types. A persona has turns of several types."
    )
    return Section("types", "By task type", (Table(columns("method", *titles), rows, note),))


def _cell(against: Against | None) -> str:
    if against is None:
        return NOTHING
    if against.comparison.n < _FEW:
        return signed(against.comparison.difference)
    return difference(against.comparison) + ("*" if against.gains or against.loses else "")


def pairs(evidence: Evidence) -> Section | None:
    """The best methods against each other."""
    if not evidence.pairs:
        return None
    best = [one.name for one in ranked(evidence) if not one.is_control][:_PAIRED]
    place = {name: number for number, name in enumerate(best)}
    found = [one for one in evidence.pairs if one.method in place and one.other in place]
    found.sort(key=lambda one: tuple(sorted((place[one.method], place[one.other]))))
    rows = tuple(
        (
            one.method,
            one.other,
            difference(one.comparison),
            p_value(one.p_holm, tested=one.comparison.interval is not None),
            share(one.comparison.improved),
        )
        for one in found
    )
    note = (
        f"The {len(best)} best methods; p is corrected for all {len(evidence.pairs)} pairs of the study, which are in "
        "pairs.csv."
    )
    return Section(
        "pairs",
        "Any two methods",
        (Table(columns("method", "against", "difference", "p (t, Holm)", "personas better", words=2), rows, note),),
    )


def seeds(evidence: Evidence) -> Section | None:
    """What another training alone would move; of one seed the summary says that nothing is known."""
    if len(evidence.seeds) < 2:
        return None
    rows = []
    for one in ranked(evidence):
        if one.seeds is None:
            continue
        means = ", ".join(f"{seed}: {number(mean)}" for seed, mean in one.seeds.means)
        versus = one.versus.seeds if one.versus else None
        gaps = ", ".join(f"{seed}: {signed(mean)}" for seed, mean in versus.means) if versus else NOTHING
        rows.append((one.name, means, number(one.seeds.sd, 4), gaps, number(versus.sd if versus else None, 4)))
    titles = ("method", "mean by seed", "sd", "minus unified by seed", "sd of that")
    note = (
        "Scores above are averaged over seeds within each persona. sd: between seeds, which the "
        "intervals over personas do not contain."
    )
    return Section("seeds", "Seeds", (Table(columns(*titles), tuple(rows), note),))
