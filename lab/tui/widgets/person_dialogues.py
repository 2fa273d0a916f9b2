"""The dialogues of one persona as the data have them, the newest last, each with the part of the split it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import context_words
from lab.tui.text import Line, fit_line, joined, width, wrap_spans
from lab.tui.widgets.person_about import words

if TYPE_CHECKING:
    from lab.data.types import Dialogue, Message
    from lab.tui.feeds.personas import PersonDetail

_ROLE = 10  # cells
_TONES = {"user": "accent", "assistant": ""}


def dialogue_pages(
    dialogues: Sequence[tuple[str, Dialogue]], detail: PersonDetail | None, cells: int
) -> tuple[list[Line], list[int]]:
    """All lines, and the numbers of those that begin a dialogue."""
    lines: list[Line] = []
    heads: list[int] = []
    for part, dialogue in dialogues:
        heads.append(len(lines))
        lines.append(_title(part, dialogue, cells))
        routines = (detail.persona.routines if detail else None) or ()
        for place in dialogue.applied_routines or ():
            if place < len(routines):
                lines += wrap_spans([("routine   ", "dim"), (words(routines[place]), "dim")], cells)
        for message in dialogue.messages:
            lines += _message(message, cells)
        lines.append(())
    return lines or [((" this persona has no dialogues", "dim"),)], heads


def _title(part: str, dialogue: Dialogue, cells: int) -> Line:
    about = [f"{dialogue.started_at:%Y-%m-%d %H:%M}", part or "not used", one_line(dialogue.task_type or "")]
    about.append(context_words(dialogue.context))
    title = joined([((one_line(dialogue.dialogue_id), "strong"),), ((" · ".join(filter(None, about)), "dim"),)])
    return fit_line((("━━ ", "faint"), *title, (" ", ""), ("━" * max(cells - width(title) - 4, 0), "faint")), cells)


def _message(message: Message, cells: int) -> list[Line]:
    said = wrap_spans([(message.content, _TONES.get(message.role, "dim"))], cells - _ROLE)
    rows = [((f"{message.role if y == 0 else '':>{_ROLE - 1}} ", "dim"), *row) for y, row in enumerate(said)]
    if message.actions:
        rows += [((" " * _ROLE, ""), *row) for row in wrap_spans([(words(message.actions), "good")], cells - _ROLE)]
    return rows
