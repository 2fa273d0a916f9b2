"""What differs between a reference and a prediction, in the colours of the screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.report.marks import marked as parts
from lab.report.marks import shown
from lab.safe import one_line, safe
from lab.tui.text import Line, Span

if TYPE_CHECKING:
    from lab.metrics.actions import Action

__all__ = ["marked", "settings", "shown"]

_TONES = {"": "", "right": "mark", "wrong": "miss"}


def marked(text: str, other: str) -> list[Span]:
    """The text with its numbers and devices in `mark` where the other text has them, in `miss` where not."""
    return [(piece, _TONES[mark]) for piece, mark in parts(safe(text), safe(other))]


def settings(actions: Iterable[Action], other: frozenset[Action]) -> Line:
    """The parsed device settings, those the other text has not in `bad`."""
    spans: list[Span] = []
    for action in sorted(actions, key=str):
        words = one_line(f"{action.device} {action.parameter.replace('_', ' ')} {shown(action.value)}")
        spans += [(" · ", "faint"), (words, "good" if action in other else "bad")]
    return tuple(spans[1:])
