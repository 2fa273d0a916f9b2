"""`lab compare`: the lab's statistics on scores from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn
from rich.table import Table

from lab.cli.bar import bar
from lab.cli.digits import Digits
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
        bool,
        typer.Option(
            "--lower-is-better", help="In a --metric of your own, such as a loss or a count of errors, lower is better."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare methods by their scores on personas, from any program: paired tests, intervals, an honest router."""
    with bar("comparing pairs of methods", MofNCompleteColumn()) as progress:
        found = compare_file(scores, against, metric, lower_is_better=lower_is_better, progress=progress)
    if json:
        print_json(as_json(found))
        return
    direction = "higher is better" if found.higher_is_better else "lower is better"
    console.print(f"[bold]{marked(found.metric)}[/]  {found.n_personas} personas, {direction}", markup=True)
    console.print(f"Δ: difference from {found.other}, persona by persona; 95% intervals over personas", markup=False)
    console.print(_differences(found))
    console.print("p: paired t-test and Wilcoxon's, both corrected for all methods (Holm); intervals are not corrected")
    console.print(_sizes(found))
    for kind in found.task_types:
        console.print(f"{kind.task_type}, {kind.n_personas} personas; p corrected for all methods and task types")
        console.print(_short(kind.versus))
    for line in (*_pairs(found), *_criteria(found), *_choice(found), *(f"note: {note}" for note in found.notes)):
        console.print(line, markup=False)


def _differences(found: Comparisons) -> Table:
    versus = {one.method: one for one in found.versus}
    columns = ("mean", "Δ", "p (t)", "p (Wilcoxon)")
    means, digits = _means(found), _digits(found.versus)
    rows = []
    for method in found.methods:
        score = means.estimate(method.summary.mean, method.summary.interval)
        rows.append((method.name, score, *_compared(versus.get(method.name), digits)))
    return table(("method", *columns), rows, right=columns, spare=("p (Wilcoxon)", "mean"))


def _means(found: Comparisons) -> Digits:
    return Digits.of((method.summary.mean, method.summary.interval) for method in found.methods)


def _digits(versus: Sequence[Against]) -> Digits:
    """Of the differences that stand together."""
    return Digits.of((one.comparison.difference, one.comparison.interval) for one in versus)


def _compared(one: Against | None, digits: Digits) -> tuple[str, str, str]:
    """Difference and both corrected p values."""
    if one is None:
        return "", "", ""
    difference = digits.estimate(one.comparison.difference, one.comparison.interval, "+")
    return difference, _p(one.p_holm), _p(one.wilcoxon_p_holm)


def _sizes(found: Comparisons) -> Table:
    """What no p value tells: how large, for how many, at whose cost."""
    columns = ("d_z", "improved", "worst Δ", "of", "detectable", "± seeds")
    digits = _digits(found.versus)
    rows = []
    for one in found.versus:
        effect, share = one.comparison.effect_size, one.comparison.improved_interval
        rows.append(
            (
                one.method,
                "–" if effect is None else f"{effect:+.2f}",
                f"{one.comparison.improved:.0%}{_shares(share)}",
                digits.number(one.comparison.worst.value, "+"),
                one.comparison.worst.persona_id,
                "–" if one.comparison.detectable is None else digits.number(one.comparison.detectable),
                "–" if one.seeds is None else digits.number(one.seeds.sd),
            )
        )
    right = tuple(name for name in columns if name != "of")
    return table(("method", *columns), rows, right=right, spare=("± seeds", "of", "detectable"))


def _short(versus: tuple[Against, ...]) -> Table:
    columns = ("Δ", "p (t)", "p (Wilcoxon)")
    digits = _digits(versus)
    rows = [(one.method, *_compared(one, digits)) for one in versus]
    return table(("method", *columns), rows, right=columns, spare=columns[2:])


def _pairs(found: Comparisons) -> Iterator[str]:
    """The pairs that surely differ, those with the reference left to its own table."""
    others = [one for one in found.pairs if found.other not in (one.method, one.other)]
    differ = [one for one in others if one.gains or one.loses]
    if others:
        yield f"{len(differ)} of {len(others)} pairs of the other methods differ (p < 0.05, corrected for all pairs)"
    told = sorted(differ, key=lambda one: -abs(one.comparison.difference))[:_PAIRS]
    digits = _digits(told)
    for one in told:
        yield f"  {one.method} − {one.other}: {', p '.join(_compared(one, digits)[:2])}"
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


def _choice(found: Comparisons) -> Iterator[str]:
    """The router's result, and what is none."""
    if (router := found.router) is not None:
        served = ", ".join(f"{name} for {n}" for name, n in router.chosen.items() if n)
        difference, p, _ = _compared(router.versus, _digits([router.versus]))
        yield f"router, chosen on val, judged on test: {difference}, p {p} ({served})"
        if router.note:
            yield f"  {router.note}"
    if (top := found.ceiling) is not None:
        means, digits = _means(found), _digits(found.versus)
        oracle, published = (
            digits.number(gain, "+", width=abs(gain)) for gain in (top.oracle_gain, top.published_gain)
        )
        yield f"oracle, a ceiling and no result: {means.number(top.oracle)} ({oracle}), chosen on these very scores"
        claim = f"the published procedure would claim {published}"
        yield f"{claim}, wrongly: it compares each persona with one mean and keeps the best of the same scores"


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<.001" if p < 0.001 else f"{p:.3f}"


def _shares(interval: Interval | None) -> str:
    return "" if interval is None else f" [{interval.low:.0%} {interval.high:.0%}]"
