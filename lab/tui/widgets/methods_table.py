"""Methods × metrics, each with its interval and its difference from unified."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lab.safe import one_line
from lab.tui.format import count, duration, fraction, interval_bar, p_value, percent, signed
from lab.tui.text import Line, wrap_spans
from lab.tui.widgets.spread import Scale, scale_of, strip
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.metrics.paired import Against
    from lab.metrics.statistics import Summary
    from lab.tui.feeds.board import Board, BoardRow

MAIN = "embedding_similarity"
_OTHERS = {MAIN: "sim", "device_f1": "dev F1", "parameter_f1": "par F1", "numerical_precision": "num P",
           "token_nll": "NLL"}  # fmt: skip

Value = Callable[["BoardRow", int], Line]


class MethodsTable(Table["BoardRow"]):
    """One row a method; the controls have a table of their own below, with the same columns."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__((), key=lambda row: row.name, id=id)
        self._title = title

    def tell(self, rows: Sequence[BoardRow], board: Board) -> None:
        """Show these rows, on the scales of the whole board."""
        self.refit(_columns(self._title, board))
        self.fill(rows)


def tone_of(versus: Against | None) -> str:
    """By what the test says after correction; what shows no difference has no colour."""
    if versus is None:
        return "second"
    return "good" if versus.gains else "bad" if versus.loses else ""


def apart(board: Board, cells: int) -> list[Line]:
    """Below the table: what no method reaches by choosing honestly."""
    ceiling = board.ceiling
    if ceiling is None or (not board.controls and len(ceiling.among) < 2):
        return []
    return wrap_spans(
        [
            ("oracle per persona  ", "dim"),
            (fraction(ceiling.oracle), ""),
            (f"  {signed(ceiling.oracle_gain)} over {one_line(ceiling.default)}", "dim"),
            ("  ceiling, not a result", "warn"),
            (f": of {len(ceiling.among)} the best for each, chosen on these very scores", "dim"),
        ],
        cells,
    )


def _columns(title: str, board: Board) -> list[Column[BoardRow]]:
    means = _ends(row.evidence.summary for row in board.rows)
    scores = scale_of(score for row in board.rows for score in row.scores.values())

    def spread(row: BoardRow, cells: int) -> Line:
        return ((strip(row.scores.values(), scores, cells), "dim"),)

    main = board.metric == MAIN
    others = [
        Column(short, 6, _metric(name), right=True, rank=10 + number, sort=_metric_value(name))
        for number, (name, short) in enumerate(_OTHERS.items())
        if name != board.metric and name in board.metrics
    ]
    return [
        Column(title, 16, _name, grows=True, stays=True, sort=lambda row: row.name),
        Column("sim" if main else "score", 5, lambda row, _: ((fraction(row.evidence.summary.mean), "strong"),),
               right=True, sort=lambda row: row.evidence.summary.mean),
        Column("interval", 11, _interval(means), grows=True),
        Column("personas", 12, spread, grows=True, rank=9),
        Column("Δ unified", 20, _difference, sort=_versus_value(lambda one: one.comparison.difference)),
        Column("p (Holm)", 8, _versus(lambda one: p_value(one.p_holm)), right=True,
               sort=_versus_value(lambda one: one.p_holm)),
        Column("improved", 8, _versus(lambda one: percent(one.comparison.improved)), right=True, rank=2,
               sort=_versus_value(lambda one: one.comparison.improved)),
        Column("worst", 5, lambda row, _: ((fraction(row.evidence.summary.worst.value), ""),), right=True, rank=5,
               sort=lambda row: row.evidence.summary.worst.value),
        Column("worst Δ", 7, _worst, right=True, rank=8, sort=_versus_value(lambda one: one.comparison.worst.value)),
        Column("goal", 4, _circles, rank=6, sort=lambda row: sum(one.met for one in row.evidence.criteria)),
        Column("params", 6, lambda row, _: ((count(row.result.cost.parameters), "dim"),), right=True, rank=7,
               sort=lambda row: row.result.cost.parameters),
        Column("cost", 6, lambda row, _: ((duration(row.result.cost.train_seconds) or "–", "dim"),), right=True,
               rank=7, sort=lambda row: row.result.cost.train_seconds),
        *others,
        Column("s/ans", 5, _answer_seconds, right=True, rank=20, sort=lambda row: row.result.cost.seconds_per_answer),
    ]  # fmt: skip


def _ends(summaries: Iterable[Summary]) -> Scale:
    """From the lowest end of any interval to the highest."""
    ends = [(one.mean, one.interval) for one in summaries]
    return scale_of(
        end for mean, interval in ends for end in (mean, *((interval.low, interval.high) if interval else ()))
    )


def _name(row: BoardRow, cells: int) -> Line:
    del cells
    after = (("†", "warn"),) if row.evidence.after_test else ()
    return ((one_line(row.name), "" if row.evidence.is_control else "strong"), *after)


def _interval(scale: Scale) -> Value:
    def value(row: BoardRow, cells: int) -> Line:
        summary = row.evidence.summary
        low, high = (summary.interval.low, summary.interval.high) if summary.interval else (summary.mean,) * 2
        return ((interval_bar(summary.mean, low, high, scale, cells), tone_of(row.evidence.versus)),)

    return value


def _metric(name: str) -> Value:
    def value(row: BoardRow, _: int) -> Line:
        found = row.result.metrics.get(name)
        return ((fraction(found.mean if found else None), ""),)

    return value


def _metric_value(name: str) -> Callable[[BoardRow], Any]:
    def value(row: BoardRow) -> float | None:
        found = row.result.metrics.get(name)
        return found.mean if found else None

    return value


def _versus(say: Callable[[Against], str]) -> Value:
    return lambda row, _: ((say(row.evidence.versus) if row.evidence.versus else "–", ""),)


def _versus_value(value: Callable[[Against], float]) -> Callable[[BoardRow], Any]:
    return lambda row: value(row.evidence.versus) if row.evidence.versus else None


def _difference(row: BoardRow, _: int) -> Line:
    versus = row.evidence.versus
    if versus is None:
        return (("–", "dim"),)
    found, tone = versus.comparison, tone_of(versus)
    if found.interval is None:
        return ((signed(found.difference), tone),)
    return (
        (signed(found.difference), tone),
        (f" [{signed(found.interval.low)} {signed(found.interval.high)}]", "dim"),
    )


def _worst(row: BoardRow, _: int) -> Line:
    """The largest loss of any persona against unified."""
    versus = row.evidence.versus
    if versus is None or not math.isfinite(versus.comparison.worst.value):
        return (("–", "dim"),)
    value = versus.comparison.worst.value
    lost = value < 0 if versus.higher_is_better else value > 0
    return ((signed(value), "bad" if lost else ""),)


def _circles(row: BoardRow, _: int) -> Line:
    return tuple(("●" if one.met else "○", "good" if one.met else "dim") for one in row.evidence.criteria)


def _answer_seconds(row: BoardRow, _: int) -> Line:
    seconds = row.result.cost.seconds_per_answer
    return (("–" if seconds is None else f"{seconds:.2f}", "dim"),)
