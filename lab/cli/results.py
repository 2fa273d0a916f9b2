"""`lab results`: methods × metrics with intervals."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.output import console, duration, number, print_json, table
from lab.db.queries import StudyRow, get_study
from lab.report.results import Estimate, MethodResult, as_json
from lab.report.results import results as read_results

# What the table has room for; --json has every metric.
_COLUMNS = {
    "embedding_similarity": "similarity",
    "device_f1": "device F1",
    "parameter_f1": "param F1",
    "numerical_precision": "num. prec.",
    "token_nll": "token NLL",
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
    console.print(
        f"[bold]{found.study}[/]  {found.dataset}, {found.base}, {split} split, {personas} personas; "
        "intervals are 95% over personas"
    )
    shown = table(
        "method", *_COLUMNS.values(), "Δ unified", "p (Holm)", "improved", "worst", "params", "trained", "s/answer",
        right=(*_COLUMNS.values(), "p (Holm)", "improved", "params", "trained", "s/answer"),
    )  # fmt: skip
    for method in found.methods:
        shown.add_row(*_cells(method))
    console.print(shown)


def _cells(method: MethodResult) -> list[str]:
    versus = method.vs_unified
    against = ["", "", "", ""]
    if versus is not None:
        against = [
            f"{versus.difference:+.3f}{_interval(versus.low, versus.high, '+.3f')}",
            f"{versus.p_holm:.3f}" if versus.p_holm >= 0.001 else "<.001",
            f"{versus.improved:.0%}",
            f"{versus.worst:+.3f} {versus.worst_persona}",
        ]
    cost = method.cost
    return [
        method.name,
        *(_estimate(method.metrics.get(metric), metric) for metric in _COLUMNS),
        *against,
        f"{cost.parameters / 1e6:.2f}M" if cost.parameters else "0",
        duration(cost.train_seconds),
        number(cost.seconds_per_answer, ".2f"),
    ]


def _estimate(estimate: Estimate | None, metric: str) -> str:
    if estimate is None:
        return "–"
    if metric != "embedding_similarity":
        return f"{estimate.mean:.3f}"
    return f"{estimate.mean:.3f}{_interval(estimate.low, estimate.high, '.3f')}"


def _interval(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f" [{low:{form}} {high:{form}}]"
