"""A data set and its dialogues, as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.safe import one_line
from lab.tui.format import context_words, digest, percent
from lab.tui.text import Line, Span, wrap_spans

if TYPE_CHECKING:
    from lab.data.measure import Measures
    from lab.data.types import Dialogue
    from lab.tui.feeds.data import Opened

_PARTS = ("train", "val", "test")
_SHOWN = 4  # faults
_TONES = {"train": "dim", "val": "second", "test": "accent"}
_ROLES = {"user": "accent", "assistant": "", "system": "dim", "tool": "dim"}
_ROLE_CELLS = 11


def about(opened: Opened, cells: int) -> list[Line]:
    """What `lab data check` tells: the split, leaks, and the measures once they are there."""
    split = opened.split
    parts = ", ".join(f"{part} {split.count(part):,}" for part in _PARTS) if split else "none"  # type: ignore[arg-type]
    spans: list[Span] = [(" digest ", "dim"), (digest(opened.digest, 12), "")]
    spans += [("   split by time ", "dim"), (parts, "")]
    spans += [("   leakage ", "dim"), ("none", "good") if split and not opened.faults else ("see below", "bad")]
    lines = wrap_spans(spans, cells)
    for fault in opened.faults[:_SHOWN]:
        lines += wrap_spans([(" ✗ ", "bad"), (one_line(fault), "")], cells)
    if len(opened.faults) > _SHOWN:
        lines.append(((f"   and {len(opened.faults) - _SHOWN} more: lab data check", "dim"),))
    if opened.measures is None:
        return [
            *lines,
            ((" m", "accent"), (" measures it: variety, task types, how well personas are told apart", "dim")),
        ]
    rows = wrap_spans([span for pair in _measures(opened.measures) for span in pair], cells - 1)
    return [*lines, *(((" ", ""), *row) for row in rows)]


def _measures(found: Measures) -> Iterator[tuple[Span, Span]]:
    def pair(name: str, value: str) -> tuple[Span, Span]:
        return (f"{name} ", "dim"), (f"{value}  ", "")

    yield pair("turns per dialogue", f"{found.turns_per_dialogue:.2f}")
    yield pair("unique assistant turns", percent(found.unique_assistant_turns))
    yield pair("unique user turns", percent(found.unique_user_turns))
    yield pair("distinct-2", f"{found.distinct_2:.3f}")
    for task_type, share in found.task_types.items():
        yield pair(one_line(task_type), percent(share))
    if found.routine_share is not None:
        yield pair("routine-driven", percent(found.routine_share))
    if found.identification is not None:
        told = found.identification
        yield pair("told apart by user text", f"{percent(told.user)} (chance {percent(told.chance)})")
        yield pair("by assistant text", percent(told.assistant))


def dialogue_lines(part: str, dialogue: Dialogue, cells: int) -> Iterator[Line]:
    """One dialogue: when, in which part and context, and what was said."""
    when = f"{dialogue.started_at:%Y-%m-%d %H:%M}"
    yield (
        (f" {one_line(dialogue.dialogue_id)}", "head"),
        (f"  {part}", _TONES.get(part, "dim")),
        (f"  {when}  {context_words(dialogue.context)}  {one_line(dialogue.task_type or '')}", "dim"),
    )
    for message in dialogue.messages:
        tone = _ROLES.get(message.role, "dim")
        for number, row in enumerate(wrap_spans([(message.content, tone)], cells - _ROLE_CELLS)):
            head = f"{message.role if number == 0 else '':>{_ROLE_CELLS - 1}} "
            yield ((head, "dim"), *row)
    yield ()
