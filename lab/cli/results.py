"""`lab results`: methods × metrics with intervals."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from lab.cli.output import console, duration, number, print_json, table
from lab.db.queries import StudyRow, get_study
from lab.report.results import MAIN_METRIC, Estimate, MethodResult, as_json
from lab.report.results import results as read_results

# What two tables of 80 columns have room for; --json has every metric.
_OTHERS = {
    "device_f1": "device F1",
    "parameter_f1": "param F1",
    "numerical_precision": "numbers",
    "token_nll": "NLL",
}


def results(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    task_type: Annotated[str, typer.Option(help="Only turns of this task type.")] = "",
    json: Annotated[bool, typer.Option(help="Print every metric as JSON.")] = False,
) -> None:
    """Print the results of a study: each method, and its difference from unified over personas."""
    from lab.db.migrate import migrate

    migrate()
    print_results(get_study(study), split, json, task_type)


def print_results(study: StudyRow, split: str, json: bool, task_type: str = "") -> None:
    """The table, or its JSON."""
    found = read_results(study, split, task_type)
    if json:
        print_json(as_json(found))
        return
    if not found.methods:
        console.print(f"study {study.name} has no {split} scores yet; `lab jobs` shows how far it is.")
        return
    personas = max(method.n_personas for method in found.methods)
    console.print(f"[bold]{found.study}[/]  {found.dataset}, {found.base}, {split} split, {personas} personas")
    console.print("embedding similarity, and its difference from unified; 95% intervals over personas")
    console.print(_against_unified(found.methods))
    console.print("other metrics, worst persona against unified, and cost")
    console.print(_others(found.methods))


def _against_unified(methods: list[MethodResult]) -> Table:
    shown = table("method", "similarity", "Δ unified", "p (Holm)", "improved", right=("p (Holm)", "improved"))
    for method in methods:
        versus = method.vs_unified
        shown.add_row(
            method.name,
            _with_interval(method.metrics.get(MAIN_METRIC)),
            f"{versus.difference:+.3f}{_interval(versus.low, versus.high, '+.3f')}" if versus else "",
            ("<.001" if versus.p_holm < 0.001 else f"{versus.p_holm:.3f}") if versus else "",
            f"{versus.improved:.0%}" if versus else "",
        )
    return shown


def _others(methods: list[MethodResult]) -> Table:
    columns = (*_OTHERS.values(), "worst", "params", "trained", "s/answer")
    shown = table("method", *columns, right=columns)
    for method in methods:
        cost = method.cost
        shown.add_row(
            method.name,
            *(_mean(method.metrics.get(metric)) for metric in _OTHERS),
            f"{method.vs_unified.worst:+.3f}" if method.vs_unified else "",
            f"{cost.parameters / 1e6:.2f}M" if cost.parameters else "0",
            duration(cost.train_seconds),
            number(cost.seconds_per_answer, ".2f"),
        )
    return shown


def _mean(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.mean:.3f}"


def _with_interval(estimate: Estimate | None) -> str:
    return "–" if estimate is None else _mean(estimate) + _interval(estimate.low, estimate.high, ".3f")


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" [{low:{form}} {high:{form}}]"
