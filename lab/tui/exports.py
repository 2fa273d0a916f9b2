"""The board of the Results screen as a file: CSV, Markdown or PNG. Called in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.paths import inside
from lab.safe import one_line
from lab.settings import load_settings
from lab.tui.format import count, counted, duration, fraction, p_value, percent, signed

if TYPE_CHECKING:
    from lab.tui.feeds.board import Board, BoardRow

_MARKDOWN = ("method", "score", "95% interval", "Δ unified", "95% interval of Δ", "p (Holm)", "improved",
             "worst persona", "criteria met", "parameters", "trained")  # fmt: skip


def export(board: Board, form: str) -> str:
    """Write the board as `csv`, `md` or `png`; the sentence that tells where it is.

    Raises:
        LabError: the file cannot be written.
    """
    folder = inside(load_settings().artifacts, f"exports/{board.study}")
    file = folder / f"{board.split}-{board.metric}.{form}"
    content = _WRITERS[form](board)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise LabError(
            f"{file}: the export cannot be written ({error.strerror or error}); make room or mend its rights."
        ) from None
    return f"written: {_short(file)}"


def _short(file: Path) -> str:
    """As it can be typed from here or, where that is far, within the lab's artifacts."""
    if file.is_relative_to(Path.cwd()):
        return str(file.relative_to(Path.cwd()))
    return f"{file.relative_to(load_settings().artifacts)} in the lab's artifacts"


# ---------------------------------------------------------------- CSV


def _csv(board: Board) -> bytes:
    """One line a method, with every metric; what is not known is empty."""
    from lab.report.csv_text import csv_text

    titles = ("study", "split", "metric", "method", "kind", "n", "mean", "low", "high", "difference", "difference_low",
              "difference_high", "p", "p_holm", "improved", "worst_persona", "worst", "criteria_met", "parameters",
              "train_seconds", "seconds_per_answer", *board.metrics)  # fmt: skip
    lines = [(board.study, board.split, board.metric, *_line(row, board)) for row in board.rows]
    if (top := board.ceiling) is not None:
        own = ("oracle per persona", "ceiling, not a result", top.n, top.oracle, None, None, top.oracle_gain)
        lines.append((board.study, board.split, board.metric, *own, *[None] * (len(titles) - 3 - len(own))))
    return csv_text(titles, lines).encode()


def _line(row: BoardRow, board: Board) -> Iterator[object]:
    summary, versus, cost = row.evidence.summary, row.evidence.versus, row.result.cost
    yield from (row.name, _kind(row), summary.n, summary.mean)
    yield from (summary.interval.low, summary.interval.high) if summary.interval else (None, None)
    if versus is None:
        yield from (None,) * 6
    else:
        found = versus.comparison
        yield found.difference
        yield from (found.interval.low, found.interval.high) if found.interval else (None, None)
        yield from (found.t_p, versus.p_holm, found.improved)
    met = sum(one.met for one in row.evidence.criteria) if row.evidence.criteria else None
    yield from (summary.worst.persona_id, summary.worst.value, met)
    yield from (cost.parameters, cost.train_seconds, cost.seconds_per_answer)
    for name in board.metrics:
        estimate = row.result.metrics.get(name)
        yield estimate.mean if estimate else None


def _kind(row: BoardRow) -> str:
    return "control" if row.evidence.is_control else "reference" if row.name == "unified" else "method"


# ---------------------------------------------------------------- Markdown


def _markdown(board: Board) -> bytes:
    """A table for people, under what has to be known to read it."""
    from lab.metrics.aggregate import METRICS
    from lab.report.document.markdown import escaped

    label = METRICS[board.metric].label
    lines = [
        f"# {escaped(board.study)}: {escaped(label)} on {board.split}",
        "",
        f"{counted(board.n_personas, 'persona')}, {counted(len(board.seeds), 'seed')}. "
        "Intervals are 95% over personas; differences are paired, persona by persona; p is corrected "
        "for all methods here (Holm). Criteria are of similarity.",
        *(["", escaped(board.looks.says)] if board.looks else []),
        *(["", escaped(board.note)] if board.note else []),
        *(["", escaped(board.unfinished)] if board.unfinished else []),
        "",
        f"| {' | '.join(_MARKDOWN)} |",
        f"|---|{'---:|' * (len(_MARKDOWN) - 1)}",
        *(f"| {' | '.join(escaped(cell) or ' ' for cell in _cells(row))} |" for row in board.rows),
    ]
    if (top := board.ceiling) is not None:
        lines += [
            "",
            f"Oracle per persona: {fraction(top.oracle)} ({signed(top.oracle_gain)}). It chooses and judges on the "
            "same scores: a ceiling, not a result.",
        ]
    return ("\n".join(lines) + "\n").encode()


def _cells(row: BoardRow) -> Iterator[str]:
    summary, versus = row.evidence.summary, row.evidence.versus
    after = " †" if row.evidence.after_test else ""
    yield f"{one_line(row.name)}{' (control)' if row.evidence.is_control else ''}{after}"
    yield fraction(summary.mean)
    yield f"{fraction(summary.interval.low)} to {fraction(summary.interval.high)}" if summary.interval else "–"
    if versus is None:
        yield from "–" * 4
    else:
        found = versus.comparison
        yield signed(found.difference)
        yield f"{signed(found.interval.low)} to {signed(found.interval.high)}" if found.interval else "–"
        yield from (p_value(versus.p_holm), percent(found.improved))
    yield f"{one_line(summary.worst.persona_id)} {fraction(summary.worst.value)}"
    goals = row.evidence.criteria
    yield f"{sum(one.met for one in goals)} of {len(goals)}" if goals else "–"
    yield count(row.result.cost.parameters)
    yield duration(row.result.cost.train_seconds) or "–"


# ---------------------------------------------------------------- PNG


def _png(board: Board) -> bytes:
    """The report's own figure of means and differences."""
    from lab.metrics.aggregate import METRICS
    from lab.report.figures.bars import bars
    from lab.report.figures.style import as_png

    return as_png(bars([row.evidence for row in board.rows], METRICS[board.metric].label))


_WRITERS = {"csv": _csv, "md": _markdown, "png": _png}
