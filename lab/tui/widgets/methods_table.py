"""Methods × metrics, each with its interval and its difference from unified."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import count, duration, fraction, interval_bar, p_value, percent, signed
from lab.tui.text import Line
from lab.tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from lab.report.results import MethodResult
    from lab.tui.feeds.results import ResultsView

MAIN = "embedding_similarity"
# The published criteria of success: share improved, mean similarity, worst persona, p.
IMPROVED, MEAN, LOWEST, P = 0.60, 0.85, 0.70, 0.05

Value = Callable[["MethodResult", int], Line]


class MethodsTable(Table["MethodResult"]):
    """One row a method."""

    def __init__(self) -> None:
        super().__init__((), key=lambda method: method.name, id="methods")

    def tell(self, view: ResultsView) -> None:
        """Show the methods of this view."""
        methods = view.table.methods if view.table else []
        self.refit(_columns(view.lowest, _scale(methods)))
        self.fill(methods)


def criteria(method: MethodResult, lowest: float | None) -> list[tuple[str, bool]]:
    """The four criteria of success, each said as it is with this method, and whether it meets it."""
    versus, mean = method.vs_unified, method.metrics[MAIN].mean
    if versus is None or lowest is None:
        return []
    met = versus.difference > 0 and versus.p_holm < P
    better = (
        "better" if met else "better, but" if versus.difference > 0 else "worse:" if versus.difference < 0 else "even:"
    )
    return [
        (f"improves {percent(versus.improved)} of personas (goal > {percent(IMPROVED)})", versus.improved > IMPROVED),
        (f"mean similarity {fraction(mean)} (goal > {fraction(MEAN, 2)})", mean > MEAN),
        (f"lowest persona {fraction(lowest)} (goal ≥ {fraction(LOWEST, 2)})", lowest >= LOWEST),
        (f"{better} p {p_value(versus.p_holm)} (goal: better, p < {fraction(P, 2)})", met),
    ]


def _scale(methods: list[MethodResult]) -> tuple[float, float]:
    """From the lowest end of any interval to the highest."""
    ends = [
        end
        for method in methods
        if (found := method.metrics.get(MAIN))
        for end in (found.low, found.mean, found.high)
        if end is not None
    ]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _columns(lowest: dict[str, float], scale: tuple[float, float]) -> list[Column[MethodResult]]:
    def interval(method: MethodResult, cells: int) -> Line:
        found = method.metrics.get(MAIN)
        if found is None:
            return ()
        low, high = (found.mean if end is None else end for end in (found.low, found.high))
        tone = "second" if method.vs_unified is None else "good" if method.vs_unified.difference > 0 else "bad"
        return ((interval_bar(found.mean, low, high, scale, cells), tone),)

    def circles(method: MethodResult, _: int) -> Line:
        met = criteria(method, lowest.get(method.name))
        return tuple(("●" if yes else "○", "good" if yes else "dim") for _, yes in met)

    return [
        Column("method", 14, lambda method, _: ((one_line(method.name), "strong"),), grows=True, stays=True),
        Column("sim", 5, _metric(MAIN), right=True),
        Column("95% interval", 12, interval, grows=True),
        Column("Δ unified", 20, _difference),
        Column("p (Holm)", 8, _versus(lambda v: p_value(v.p_holm)), right=True),
        Column("improved", 8, _versus(lambda v: percent(v.improved)), right=True, rank=2),
        Column("worst Δ", 7, _worst, right=True, rank=6),
        Column("goal", 4, circles, rank=8),
        Column("dev F1", 6, _metric("device_f1"), right=True, rank=4),
        Column("par F1", 6, _metric("parameter_f1"), right=True, rank=5),
        Column("num P", 5, _metric("numerical_precision"), right=True, rank=5),
        Column("NLL", 5, _metric("token_nll", 2), right=True, rank=3),
        Column("params", 6, lambda method, _: ((count(method.cost.parameters), "dim"),), right=True, rank=7),
        Column("cost", 6, lambda method, _: ((duration(method.cost.train_seconds) or "–", "dim"),), right=True, rank=7),
        Column("s/ans", 5, _answer_seconds, right=True, rank=9),
    ]  # fmt: skip


def _metric(name: str, digits: int = 3) -> Value:
    def value(method: MethodResult, _: int) -> Line:
        found = method.metrics.get(name)
        return ((fraction(found.mean if found else None, digits), "strong" if name == MAIN else ""),)

    return value


def _versus(say: Callable[..., str]) -> Value:
    return lambda method, _: ((say(method.vs_unified) if method.vs_unified else "–", ""),)


def _difference(method: MethodResult, _: int) -> Line:
    versus = method.vs_unified
    if versus is None:
        return (("–", "dim"),)
    tone = "good" if versus.difference > 0 else "bad"
    if versus.low is None or versus.high is None:
        return ((signed(versus.difference), tone),)
    return ((signed(versus.difference), tone), (f" [{signed(versus.low)} {signed(versus.high)}]", "dim"))


def _worst(method: MethodResult, _: int) -> Line:
    """The largest loss of any persona against unified."""
    worst = method.vs_unified.worst if method.vs_unified else None
    return ((signed(worst), "dim" if worst is None else "bad" if worst < 0 else ""),)


def _answer_seconds(method: MethodResult, _: int) -> Line:
    seconds = method.cost.seconds_per_answer
    return (("–" if seconds is None else f"{seconds:.2f}", "dim"),)
