"""A benchmark's numbers as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what a benchmark found."""
    machine, settings = result["machine"], result["settings"]
    what = (
        f"{machine['base']}, {settings['personas']} personas × {settings['dialogues']} dialogues, "
        f"{machine['dtype']} on {machine['gpu'] or machine['cpu']}, {machine['threads']} thread(s)"
    )
    show_head(result, what, console)
    console.print(_sides(result["sides"]))
    for name, ratio in result.get("ratios", {}).items():
        each = ", ".join(f"{value:.2f}" for value in ratio["each"])
        console.print(
            f"{name}: [bold]{ratio['median']:.2f}×[/] (turn by turn {each}; in CPU time {ratio['cpu_median']:.2f}×)"
        )
    for name in ("loss_difference", "agreement", "switch_ms"):
        if name in result:
            console.print(f"{name.replace('_', ' ')}: {_number(result[name])}")
    if result.get("exponent") is not None:
        console.print(f"time grows as personas to the power of [bold]{result['exponent']:.2f}[/] (1 is linear)")
    if "floor" in result:
        _floor(result["floor"], console)


def show_head(result: Mapping[str, Any], what: str, console: Console) -> None:
    """Print what was measured, beside how much other work, when, and with which versions."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    console.print(
        f"[bold]lab bench {result['bench']}[/]: {what}, "
        f"load {machine['load_average'][0]:.1f} of {machine['cores']} cores",
        f"{machine['date']}, {versions}",
        sep="\n",
        soft_wrap=True,
    )


def _sides(sides: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per side; a column for each number that the sides have."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("side", no_wrap=True)
    columns = [name for name in next(iter(sides.values())) if name in _COLUMNS]
    for name in columns:
        table.add_column(_COLUMNS[name][0], justify="right")
    for side, values in sides.items():
        table.add_row(side, *(_COLUMNS[name][1](values[name]) for name in columns))
    return table


def _number(value: float) -> str:
    return f"{value:.4g}"


_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "median_seconds": ("median s", _number),
    "median_cpu_seconds": ("CPU s", _number),
    "tokens_per_second": ("tokens/s", lambda x: f"{x:,.0f}"),
    "ms_per_persona": ("ms per persona", lambda x: f"{x:.1f}"),
    "written_bytes": ("on disk, MiB", lambda x: f"{x / 2**20:,.1f}"),
    "padding": ("padding", lambda x: f"{x:.1%}"),
    "steps": ("steps", str),
    "answers": ("answers", str),
    "peak_bytes": ("peak MiB", lambda x: f"{x / 2**20:,.0f}"),
    "agreement": ("same ids", lambda x: f"{x:.1%}"),
    "first_warm_ms": ("first token warm, ms", lambda x: f"{x:.1f}"),
    "first_cold_ms": ("cold, ms", lambda x: f"{x:.1f}"),
    "switch_ms": ("switch, ms", lambda x: f"{x:.2f}"),
}


def _floor(floor: Mapping[str, float], console: Console) -> None:
    console.print(
        f"floor: {floor['flops'] / 1e12:.3g} TFLOP at {floor['flops_per_second'] / 1e9:,.0f} GFLOP/s = "
        f"{floor['compute_seconds']:.3g} s; {floor['bytes'] / 1e9:.3g} GB at "
        f"{floor['bytes_per_second'] / 1e9:.3g} GB/s = {floor['memory_seconds']:.3g} s; "
        f"ours takes [bold]{floor['times_floor']:.2f}×[/] the larger",
        soft_wrap=True,
    )
