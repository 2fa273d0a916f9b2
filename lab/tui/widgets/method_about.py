"""One method in full: what it is, the criteria it meets, how its personas are spread, and every metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import fraction, interval_bar, p_value, percent, signed
from lab.tui.text import Line, Span, beside, fit, joined, wrap_spans
from lab.tui.widgets.methods_table import tone_of
from lab.tui.widgets.spread import histogram, scale_of, strip

if TYPE_CHECKING:
    from lab.report.evidence import ControlEvidence
    from lab.report.results import Estimate, MethodResult
    from lab.tui.feeds.board import Board, BoardRow

_KINDS = ("device", "parameter", "numerical")
_RATES = (("precision", "P"), ("recall", "R"), ("f1", "F1"))
_AVERAGES = (("", "micro"), ("_macro", "macro"), ("_as_published", "as published"))
_CELLS = 6
_NAME_CELLS = 11
_GRID_CELLS = _NAME_CELLS + 3 * (3 * _CELLS + 2)
_SIDE_BY_SIDE = 120  # cells; in fewer, the grid is below the words
_ROWS = 4  # of the histogram
REFERENCE = "unified"
_SAYS = {  # how a control ends
    "removed": "the gain vanishes there, as a real one must",
    "partly": "part of the gain is left there: not all of it is personal",
    "kept": "the gain is left there: it is not personal",
    "untested": "no control is evaluated, so nothing tells whether its gain is personal",
    "no gain": "there is no gain to take away",
}


def method_about(row: BoardRow, board: Board, cells: int) -> list[Line]:
    """Everything the table has no room for."""
    grid = _grid(row.result)
    if cells < _SIDE_BY_SIDE:
        return [*_words(row, cells), (), *_spread(row, board, cells), *([(), *grid] if grid else [])]
    right = max(_GRID_CELLS, cells - cells * 9 // 20)
    wide = cells - right - 3
    return beside([(_words(row, wide), wide), ([*_spread(row, board, right), (), *grid], right)])


def goals(row: BoardRow) -> list[tuple[str, bool]]:
    """The published conditions of success, each said as it is with this method, and whether it is met."""
    versus = row.result.vs_unified
    known = {one.name: one for one in row.evidence.criteria}
    if versus is None or not known:
        return []
    gain = versus.difference
    side = "better" if known["p"].met else "better, but" if gain > 0 else "worse:" if gain < 0 else "even:"
    says = {
        "improved": f"improves {percent(known['improved'].value)} of personas (goal > 60%)",
        "mean": f"mean similarity {fraction(known['mean'].value)} (goal > .85)",
        "worst": f"lowest persona {fraction(known['worst'].value)} (goal ≥ .70)",
        "p": f"{side} p {p_value(versus.p_holm)} (goal: better, p < .05)",
    }
    return [(text, known[name].met) for name, text in says.items()]


def _words(row: BoardRow, cells: int) -> list[Line]:
    lines = wrap_spans([(row.about, "")], cells) if row.about else []
    lines += [_goal(text, met) for text, met in goals(row)]
    if row.evidence.is_control or row.tried:
        lines += wrap_spans(_control(row, row.tried), cells)
    return [*lines, *_more(row, cells)]


def _goal(text: str, met: bool) -> Line:
    return (("● met      " if met else "✗ not met  ", "good" if met else "bad"), (text, ""))


def _control(row: BoardRow, tried: ControlEvidence | None) -> Line:
    """What a control tells of a method."""
    if tried is None:
        return (("control ", "head"), ("of no method that is evaluated here", "dim"))
    tone = "good" if tried.verdict == "removed" else "warn" if tried.verdict in ("partly", "kept") else "dim"
    if row.evidence.is_control:
        return (("control of ", "head"), (f"{one_line(tried.method)}: ", ""), (_SAYS[tried.verdict], tone))
    name = f"{one_line(tried.control)}: " if tried.control else ""
    return (("control ", "head"), (name, ""), (_SAYS[tried.verdict], tone))


def _more(row: BoardRow, cells: int) -> Iterator[Line]:
    versus, summary = row.evidence.versus, row.evidence.summary
    if versus is not None:
        worst = versus.comparison.worst
        lost = worst.value < 0 if versus.higher_is_better else worst.value > 0
        verb = "loses most " if lost else "gains least "
        yield ((verb, "dim"), (f"{one_line(worst.persona_id)} {signed(worst.value)}", "bad" if lost else ""))
    yield (("worst persona ", "dim"), (f"{one_line(summary.worst.persona_id)} {fraction(summary.worst.value)}", ""))
    if row.evidence.seeds is not None:
        means = " ".join(fraction(mean) for _, mean in row.evidence.seeds.means)
        yield (("by seed ", "dim"), (means, ""), (f"  sd {fraction(row.evidence.seeds.sd)}", "dim"))
    if row.evidence.after_test:
        told = "† chosen or changed after test was read: its p explores, and confirms nothing"
        yield from wrap_spans([(told, "warn")], cells)
    for name, label in (("token_nll", "token NLL"), ("length_ratio", "length ratio")):
        if found := row.result.metrics.get(name):
            yield ((f"{label} ", "dim"), (fraction(found.mean), ""), (_between(found), "dim"))
    for choice in row.result.choices:
        setting = " ".join(f"{one_line(key)}={value:g}" for key, value in choice.setting.items())
        yield (("sweep chose on val ", "dim"), (setting, ""), (f" of {len(choice.tried)}", "dim"))


def _between(found: Estimate) -> str:
    return "" if found.low is None or found.high is None else f" [{fraction(found.low)} {fraction(found.high)}]"


def _spread(row: BoardRow, board: Board, cells: int) -> list[Line]:
    """Its personas as a histogram, its mean with the interval below, then unified's on the same scale."""
    scale = scale_of(score for one in board.rows for score in one.scores.values())
    tone, unified = tone_of(row.evidence.versus), board.row(REFERENCE)
    beneath = unified if unified is not row else None
    says = f"  n {len(row.scores)}; below: mean and interval" + (", then those of unified" if beneath else "")
    lines: list[Line] = [(("personas by score", "head"), (says, "dim"))]
    lines += histogram(list(row.scores.values()), scale, cells, _ROWS, tone)
    lines.append(((_mean(row, scale, cells), tone),))
    if beneath is not None:
        lines.append(((_mean(beneath, scale, cells), "second"),))
        lines.append(((strip(beneath.scores.values(), scale, cells), "second"),))
    return lines


def _mean(row: BoardRow, scale: tuple[float, float], cells: int) -> str:
    summary = row.evidence.summary
    low, high = (summary.interval.low, summary.interval.high) if summary.interval else (summary.mean,) * 2
    return interval_bar(summary.mean, low, high, scale, cells)


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
