"""Whether a table of scores can be compared: its lines are paired, or what one method lacks looks like a gain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.data.faults import Faults
from lab.report.score_table import SPLITS, Item, ScoreLine


def check_lines(file: Path, rows: Sequence[ScoreLine], faults: Faults) -> None:
    """Note what keeps the lines of a file from being compared."""
    if not any(row.split == "test" for row in rows):
        faults.add(file, 1, "all scores are of val; what is found on val has to be judged on test: add its scores")
        return
    for split in SPLITS:
        own = [row for row in rows if row.split == split]
        methods = dict.fromkeys(row.method for row in own)
        if len(methods) == 1:
            says = f"'{next(iter(methods))}' is the only method with {split} scores; a comparison needs two"
            faults.add(file, 1, says)
        _check_same(own, file, faults)
        for metric in dict.fromkeys(name for row in own for name in row.values):
            _check_dialogues([row for row in own if metric in row.values], metric, file, faults)


def _check_same(rows: Sequence[ScoreLine], file: Path, faults: Faults) -> None:
    """What one run (a method under a seed) has a line of, every run has."""
    lines: dict[Item, dict[tuple[str, int], int]] = {}  # item → run → line
    for row in rows:
        lines.setdefault(row.item, {}).setdefault(row.run, row.line)
    runs = dict.fromkeys(row.run for row in rows)
    personas = {(row.run, row.persona_id) for row in rows}
    told = set()
    for item, have in lines.items():
        for run in runs:
            if run in have:
                continue
            # Where the persona has no line there at all, that is said once.
            lacks = item if (run, item[0]) in personas else (item[0], "", "")
            if (run, lacks) in told:
                continue
            told.add((run, lacks))
            under = f"'{run[0]}'" + (f" with seed {run[1]}" if any(run[0] == method for method, _ in have) else "")
            kind, what = _named(*lacks)
            says = f"{what} has {rows[0].split} scores here, but none under {under}"
            faults.add(file, min(have.values()), f"{says}; add them, or leave the {kind} out")


def _named(persona: str, dialogue: str, task_type: str) -> tuple[str, str]:
    """What sort of thing an item is, and which."""
    parts = [("task type", task_type), ("dialogue", dialogue), ("persona", persona)]
    named = [(kind, f"{kind} '{name}'") for kind, name in parts if name]
    return named[0][0], " of ".join(words for _, words in named)


def _check_dialogues(rows: Sequence[ScoreLine], metric: str, file: Path, faults: Faults) -> None:
    """A mean over dialogues among them would count as one more of them."""
    if any(row.dialogue_id for row in rows):
        for row in rows:
            if not row.dialogue_id:
                says = f"'{metric}' stands here without a dialogue_id, and in other {row.split} lines with one"
                faults.add(file, row.line, f"{says}; give every {row.split} line one, or none")
