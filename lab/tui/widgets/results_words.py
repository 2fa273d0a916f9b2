"""What the Results screen says around its tables: where one is, how to read it, and what to do where it is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import counted
from lab.tui.text import Line, Span, wrap_spans

if TYPE_CHECKING:
    from lab.tui.feeds.board import Board
    from lab.tui.feeds.results import ResultsView


def place(view: ResultsView, cells: int) -> Line:
    """Split, method, persona, and what the level below them is."""
    wanted, board = view.wanted, view.board
    if wanted.study is None:
        return ((" results", "strong"),)
    steps = filter(None, (wanted.split, one_line(wanted.method), one_line(wanted.persona)))
    path: Line = ((" " + " ▸ ".join(steps), "strong"),)
    if wanted.persona:
        legend = (("right", "mark"), (" or ", "dim"), ("wrong or missing", "miss"), (" numbers and devices", "dim"))
        return (*path, ("   ", ""), *legend)
    if board is None or not board.rows:
        return path
    if wanted.method:
        return (*path, (f"  {counted(len(view.personas), 'persona')} by {_label(board)}, who gains most first", "dim"))
    return (*path, *_facts(board), *_ground(view, cells))


def _facts(board: Board) -> list[Span]:
    facts = [f", {counted(board.n_personas, 'persona')}, {counted(len(board.seeds), 'seed')}"]
    if board.looks is not None:
        facts.append(f", looked at {board.looks.times}")
    return [("".join(facts), ""), (f"  {_label(board)}", "accent")]


def _ground(view: ResultsView, cells: int) -> list[Span]:
    study = view.wanted.study
    if study is None or cells < 100:
        return []
    return [(f"  {one_line(study.base)} on {one_line(study.dataset_name)}", "dim")]


def _label(board: Board) -> str:
    from lab.metrics.aggregate import METRICS

    metric = METRICS[board.metric]
    return metric.label + (" (lower is better)" if metric.higher_is_better is False else "")


def unfinished(view: ResultsView) -> Line:
    """What the study has no scores of, where it has some."""
    table = view.table
    return ((table.unfinished.says, "warn"),) if table and table.methods and table.unfinished else ()


def caption(board: Board, untold: int, cells: int) -> list[Line]:
    """How to read the table, which methods are not in it, and what speaks against it."""
    told = "unified is the reference; intervals are 95% over personas; † was chosen after test was read"
    lines = wrap_spans([(told, "dim")], cells) if cells >= len(told) else []
    if untold:
        more = f"{counted(untold, 'more method')} on test only: v opens it, and each look is counted"
        lines += wrap_spans([(more, "")], cells)
    if board.looks is not None and (board.looks.after_test or board.looks.others):
        lines += wrap_spans([(board.looks.says, "warn")], cells)
    if board.note:
        lines += wrap_spans([(board.note, "warn")], cells)
    return lines


def nothing(view: ResultsView) -> Line:
    """What to do next where there are no results."""
    study = view.wanted.study
    if study is None:
        return (
            (" no study yet. Start one from a shell:\n\n", ""),
            ("   lab run --data FOLDER --methods base,unified,persona\n", "accent"),
            ("   make demo", "accent"),
            ("     a small study on generated data, in minutes", "dim"),
        )
    if view.asks:
        return (
            (" this study is evaluated on test only, and its scores have not been opened.", ""),
            ("\n\n   v", "accent"),
            (" opens them; that is counted, for what is chosen after it was seen proves nothing", "dim"),
            ('\n   evaluate = ["val", "test"]', "accent"),
            (" in the study file gives scores to choose by", "dim"),
        )
    yet = "" if study.over else " yet"
    return (
        (f" nothing is evaluated on {view.wanted.split}{yet}: {study.so_far}.", ""),
        ("   2", "accent"),
        (" Jobs shows why" if study.over else " Jobs shows how far they are", "dim"),
    )
