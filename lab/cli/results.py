"""`lab results`: methods × metrics with intervals."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated

import typer
from rich.table import Table

from lab.cli.output import console, duration, marked, number, print_json, table
from lab.db.queries import StudyRow, get_study
from lab.db.scores import evaluated_splits, task_types
from lab.errors import LabError
from lab.report.looks import TEST, would_count
from lab.report.results import MAIN_METRIC, Choice, Estimate, MethodResult, Results, Versus, as_json
from lab.report.results import results as read_results
from lab.report.unfinished import no_scores

# What a table of 80 columns has room for; --json has every metric.
_OTHERS = {
    "device_f1": "device F1",
    "parameter_f1": "param F1",
    "numerical_precision": "numbers",
    "token_nll": "NLL",
}
_AFTER = "(after test)"  # beside a method that was added or changed when test had been read


def results(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or test; val if left out, for reading test is a look that counts.")
    ] = None,
    task_type: Annotated[str, typer.Option(help="Only turns of this task type.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print every metric as JSON.")] = False,
) -> None:
    """Print the results of a study: each method, and its difference from unified over personas."""
    from lab.db.migrate import migrate

    migrate()
    row = get_study(study)
    if split is not None:
        _check("split", split, evaluated_splits(row.id), row)
    chosen = split or shown_split(row)
    if task_type:
        _check("task type", task_type, task_types(row.id, chosen), row)
    print_results(row, chosen, json, task_type, by="lab results")


def shown_split(study: StudyRow) -> str:
    """The split that is shown where nobody asked for one: one that may choose, and test only if that is no new look.

    Raises:
        LabError: there is none.
    """
    known = evaluated_splits(study.id)
    split = next((one for one in ("val", "train", TEST) if one in known), None)
    if split is None:
        raise LabError(f"study '{study.name}' evaluates nothing yet.")
    if would_count(study, split):
        raise LabError(
            f"study '{study.name}' is evaluated on test only: `lab results --split test {study.name}` opens them, "
            'which is counted; evaluate = ["val", "test"] in the study file gives scores to choose by.'
        )
    return split


def _check(what: str, wanted: str, known: Collection[str], study: StudyRow) -> None:
    if wanted not in known:
        has = f"it has {', '.join(known)}" if known else "it has none yet"
        raise LabError(f"study '{study.name}' has no {what} '{wanted}'; {has}.")


def print_results(study: StudyRow, split: str, json: bool, task_type: str = "", *, by: str) -> None:
    """The table, or its JSON; `by` is the command that shows it."""
    found = read_results(study, split, task_type, by=by)
    if json:
        print_json(as_json(found))
        return
    if not found.methods:
        console.print(no_scores(study, split), markup=False)
        return
    what = f"{found.dataset}, {found.base}, {split} split, {found.n_personas} personas"
    console.print(f"[bold]{marked(found.study)}[/]  {marked(what)}", soft_wrap=True, markup=True)
    if found.unfinished is not None:
        console.print(found.unfinished.says, style="yellow", markup=False)
    console.print("embedding similarity, Δ: difference from unified; 95% intervals over personas")
    console.print(_against_unified(found.methods))
    for line in _below(found):
        console.print(line, style="dim", markup=False)
    console.print("other metrics; share of personas improved, and the largest loss of any (worst Δ), against unified")
    console.print(_others(found.methods))
    console.print("cost")
    console.print(_costs(found.methods))
    for method in found.methods:
        for choice in method.choices:
            console.print(_chosen(method.name, choice, several=len(method.choices) > 1), markup=False)


def _below(found: Results) -> Iterator[str]:
    """What has to be known to read the differences."""
    compared = sum(method.vs_unified is not None for method in found.methods)
    if compared > 1:
        yield f"p: paired t-test, corrected for {compared} methods (Holm); intervals are not corrected"
    if found.note:
        yield found.note
    if found.looks is not None:
        yield found.looks.says


def _against_unified(methods: list[MethodResult]) -> Table:
    rows = []
    for method in methods:
        versus = method.vs_unified
        difference = f"{versus.difference:+.3f}{_interval(versus.low, versus.high, '+.3f')}" if versus else ""
        name = f"{method.name} {_AFTER}" if method.after_test else method.name
        rows.append((name, _with_interval(method.metrics.get(MAIN_METRIC)), difference, _p(versus)))
    numbers = ("similarity", "Δ unified", "p (Holm)")
    return table(("method", *numbers), rows, right=numbers)


def _p(versus: Versus | None) -> str:
    if versus is None:
        return ""
    if versus.low is None:  # one persona: nothing can be tested
        return "–"
    return "<.001" if versus.p_holm < 0.001 else f"{versus.p_holm:.3f}"


def _others(methods: list[MethodResult]) -> Table:
    rows = [
        (
            method.name,
            *(_mean(method.metrics.get(metric)) for metric in _OTHERS),
            f"{method.vs_unified.improved:.0%}" if method.vs_unified else "",
            f"{method.vs_unified.worst:+.3f}" if method.vs_unified else "",
        )
        for method in methods
    ]
    columns = (*_OTHERS.values(), "improved", "worst Δ")
    return table(("method", *columns), rows, right=columns)


def _costs(methods: list[MethodResult]) -> Table:
    rows = [
        (
            method.name,
            f"{method.cost.parameters / 1e6:.2f}M" if method.cost.parameters else "0",
            duration(method.cost.train_seconds),
            number(method.cost.seconds_per_answer, ".2f"),
        )
        for method in methods
    ]
    columns = ("params", "trained", "s/answer")
    return table(("method", *columns), rows, right=columns)


def _chosen(method: str, choice: Choice, *, several: bool) -> str:
    """`wide: learning_rate=0.001, chosen on val from 2`."""
    setting = ", ".join(f"{key}={value:g}" for key, value in choice.setting.items())
    seed = f" (seed {choice.seed})" if several else ""
    return f"{method}{seed}: {setting}, chosen on val from {len(choice.tried)}"


def _mean(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.mean:.3f}"


def _with_interval(estimate: Estimate | None) -> str:
    return "–" if estimate is None else _mean(estimate) + _interval(estimate.low, estimate.high, ".3f")


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" [{low:{form}} {high:{form}}]"
