"""One method in full: what it is, the criteria it meets, and every metric with its averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import fraction, signed
from lab.tui.text import Line, Span, beside, fit, joined, wrap_spans
from lab.tui.widgets.methods_table import criteria

if TYPE_CHECKING:
    from lab.report.results import Estimate, MethodResult

_KINDS = ("device", "parameter", "numerical")
_RATES = (("precision", "P"), ("recall", "R"), ("f1", "F1"))
_AVERAGES = (("", "micro"), ("_macro", "macro"), ("_as_published", "as published"))
_CELLS = 6
_NAME_CELLS = 11
_GRID_CELLS = _NAME_CELLS + 3 * (3 * _CELLS + 2)
_SIDE_BY_SIDE = 120  # cells; in fewer, the grid is below the words


def method_about(method: MethodResult, about: str, lowest: float | None, cells: int) -> list[Line]:
    """Everything the table has no room for."""
    goals = [_goal(text, met) for text, met in criteria(method, lowest)]
    grid = _grid(method)
    if cells < _SIDE_BY_SIDE:
        about_lines = wrap_spans([(about, "")], cells)
        return [*about_lines, *goals, *_more(method), (), *grid]
    wide = cells - _GRID_CELLS - 3
    return beside([([*wrap_spans([(about, "")], wide), *goals, *_more(method)], wide), (grid, _GRID_CELLS)])


def _goal(text: str, met: bool) -> Line:
    return (("● " if met else "✗ ", "good" if met else "bad"), (text, ""))


def _more(method: MethodResult) -> list[Line]:
    lines: list[Line] = []
    versus = method.vs_unified
    if versus is not None:
        worst = f"{one_line(versus.worst_persona)} {signed(versus.worst)}"
        verb = "loses most" if versus.worst < 0 else "gains least"
        lines.append(((f"{verb}: ", "dim"), (worst, "bad" if versus.worst < 0 else "")))
    for name, label in (("token_nll", "token NLL"), ("length_ratio", "length ratio")):
        if found := method.metrics.get(name):
            lines.append(((f"{label} ", "dim"), (fraction(found.mean), ""), (_interval(found), "dim")))
    return lines


def _interval(found: Estimate) -> str:
    return "" if found.low is None or found.high is None else f" [{fraction(found.low)} {fraction(found.high)}]"


def _grid(method: MethodResult) -> list[Line]:
    """Devices, parameters and numbers × precision, recall and F1 × three ways to average."""
    title: list[Span] = [(" " * _NAME_CELLS, "")]
    head: list[Span] = [(" " * _NAME_CELLS, "")]
    for _, average in _AVERAGES:
        title.append((fit(" " * (_CELLS - 1) + average, _CELLS * 3 + 2), "head"))
        head += [(short.rjust(_CELLS), "dim") for _, short in _RATES] + [("  ", "")]
    rows = [
        joined([((fit(kind, _NAME_CELLS), ""), *_rates(method, kind))])
        for kind in _KINDS
        if any(f"{kind}_{rate}" in method.metrics for rate, _ in _RATES)
    ]
    return [tuple(title), tuple(head), *rows] if rows else []


def _rates(method: MethodResult, kind: str) -> Line:
    spans: list[Span] = []
    for suffix, _ in _AVERAGES:
        for rate, _ in _RATES:
            found = method.metrics.get(f"{kind}_{rate}{suffix}")
            spans.append((fraction(found.mean if found else None).rjust(_CELLS), ""))
        spans.append(("  ", ""))
    return tuple(spans)
