"""`lab compare`: the lab's statistics on scores from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn
from rich.table import Table

from lab.cli.bar import bar
from lab.cli.digits import digits
from lab.cli.output import console, marked, print_json, table
from lab.metrics.intervals import Interval
from lab.metrics.paired import Against
from lab.report.compare import Comparisons, as_json, compare_file
from lab.report.evidence import Criterion

_PAIRS = 12  # lines of pairs that differ


def compare(
    scores: Annotated[
        Path, typer.Argument(help="CSV: method, persona_id, metrics; optional split, seed, task_type, dialogue_id.")
    ],
    against: Annotated[str | None, typer.Option(help="The method to compare with; unified if left out.")] = None,
    metric: Annotated[str | None, typer.Option(help="The column to compare in; the first metric if left out.")] = None,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="In a metric of your own, as a loss or a count of errors.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare methods by their scores on personas, from any program: paired tests, intervals, an honest router."""
    with bar("comparing pairs of methods", MofNCompleteColumn()) as progress:
        found = compare_file(scores, against, metric, lower_is_better=lower_is_better, progress=progress)
    if json:
        print_json(as_json(found))
        return
    form = _form(found)
    direction = "higher is better" if found.higher_is_better else "lower is better"
    console.print(f"[bold]{marked(found.metric)}[/]  {found.n_personas} personas, {direction}", markup=True)
    console.print(f"Δ: difference from {found.other}, persona by persona; 95% intervals over personas", markup=False)
    console.print(_differences(found, form))
    console.print("p: paired t-test and Wilcoxon's, both corrected for all methods (Holm); intervals are not corrected")
    console.print(_sizes(found, form))
    for kind in found.task_types:
        console.print(f"{kind.task_type}, {kind.n_personas} personas; p corrected for all methods and task types")
        console.print(_short(kind.versus, form))
    for line in (
        *_pairs(found, form),
        *_criteria(found),
        *_choice(found, form),
        *(f"note: {note}" for note in found.notes),
    ):
        console.print(line, markup=False)


def _form(found: Comparisons) -> str:
    """How all numbers in the metric are written, but for their sign."""
    intervals = [one.comparison.interval for one in found.versus]
    return digits(
        [method.summary.mean for method in found.methods],
        [interval.high - interval.low for interval in intervals if interval is not None],
    )


def _differences(found: Comparisons, form: str) -> Table:
    versus = {one.method: one for one in found.versus}
    columns = ("mean", "Δ", "p (t)", "p (Wilcoxon)")
    rows = []
    for method in found.methods:
        score = f"{method.summary.mean:{form}}{_interval(method.summary.interval, form)}"
        rows.append((method.name, score, *_compared(versus.get(method.name), form)))
    return table(("method", *columns), rows, right=columns, spare=("p (Wilcoxon)", "mean"))


def _compared(one: Against | None, form: str) -> tuple[str, str, str]:
    """Difference and both corrected p values."""
    if one is None:
        return "", "", ""
    difference = f"{one.comparison.difference:+{form}}{_interval(one.comparison.interval, f'+{form}')}"
    return difference, _p(one.p_holm), _p(one.wilcoxon_p_holm)


def _sizes(found: Comparisons, form: str) -> Table:
    """What no p value tells: how large, for how many, at whose cost."""
    columns = ("d_z", "improved", "worst Δ", "of", "detectable", "± seeds")
    rows = []
    for one in found.versus:
        effect, share = one.comparison.effect_size, one.comparison.improved_interval
        rows.append(
            (
                one.method,
                "–" if effect is None else f"{effect:+.2f}",
                f"{one.comparison.improved:.0%}{_interval(share, '.0%')}",
                f"{one.comparison.worst.value:+{form}}",
                one.comparison.worst.persona_id,
                "–" if one.comparison.detectable is None else f"{one.comparison.detectable:{form}}",
                "–" if one.seeds is None else f"{one.seeds.sd:{form}}",
            )
        )
    right = tuple(name for name in columns if name != "of")
    return table(("method", *columns), rows, right=right, spare=("± seeds", "of", "detectable"))


def _short(versus: tuple[Against, ...], form: str) -> Table:
    columns = ("Δ", "p (t)", "p (Wilcoxon)")
    rows = [(one.method, *_compared(one, form)) for one in versus]
    return table(("method", *columns), rows, right=columns, spare=columns[2:])


def _pairs(found: Comparisons, form: str) -> Iterator[str]:
    """The pairs that surely differ, those with the reference left to its own table."""
    others = [one for one in found.pairs if found.other not in (one.method, one.other)]
    differ = [one for one in others if one.gains or one.loses]
    if others:
        yield f"{len(differ)} of {len(others)} pairs of the other methods differ (p < 0.05, corrected for all pairs)"
    for one in sorted(differ, key=lambda one: -abs(one.comparison.difference))[:_PAIRS]:
        yield f"  {one.method} − {one.other}: {', p '.join(_compared(one, form)[:2])}"
    if len(differ) > _PAIRS:
        yield f"  and {len(differ) - _PAIRS} more; --json has all"


def _criteria(found: Comparisons) -> Iterator[str]:
    judged = [method for method in found.methods if method.criteria]
    if judged:
        yield "published criteria of success: over 60% improved, mean > 0.85, no persona < 0.70, p < 0.05"
    for method in judged:
        missed = [one for one in method.criteria if not one.met]
        yield f"  {method.name}: {'misses ' + ', '.join(map(_missed, missed)) if missed else 'meets all of them'}"


def _missed(one: Criterion) -> str:
    form = ".0%" if one.name == "improved" else ".3f"
    return f"{one.name} ({one.value:{form}}, wanted {one.threshold:{form}})"


def _choice(found: Comparisons, form: str) -> Iterator[str]:
    """The router's result, and what is none."""
    if (router := found.router) is not None:
        served = ", ".join(f"{name} for {n}" for name, n in router.chosen.items() if n)
        difference, p, _ = _compared(router.versus, form)
        yield f"router, chosen on val, judged on test: {difference}, p {p} ({served})"
        if router.note:
            yield f"  {router.note}"
    if (top := found.ceiling) is not None:
        gain = f"{top.oracle:{form}} ({top.oracle_gain:+{form}})"
        yield f"oracle, a ceiling and no result: {gain}, chosen on these very scores"
        claim = f"the published procedure would claim {top.published_gain:+{form}}"
        yield f"{claim}, wrongly: it compares each persona with one mean and keeps the best of the same scores"


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<.001" if p < 0.001 else f"{p:.3f}"


def _interval(interval: Interval | None, form: str) -> str:
    return "" if interval is None else f" [{interval.low:{form}} {interval.high:{form}}]"
