"""One answer of a chat: what the model was told, what it says, what that does, and which weights gave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lab.safe import one_line
from lab.tui.chat.conversation import Answer
from lab.tui.format import digest, tables
from lab.tui.marks import marked, shown
from lab.tui.text import Line, Span, fit_line, joined, wrap_spans

_INDENT = 2
_TOLD_LINES = 3  # of what a recipe knows of the user, until all of it is asked for
_MEMORY = "◂ "


def answer_lines(answer: Answer, cells: int, *, details: bool, secret: bool, reference: str | None) -> list[Line]:
    """An answer in so many cells.

    Args:
        answer: what there is of it.
        cells: the width of its column.
        details: whether to show all that the model was told, and not its beginning only.
        secret: whether to leave out all by which one could tell who answers.
        reference: mark what differs from it.
    """
    lines = [] if secret else list(_told(answer.info, cells, details))
    if answer.text:
        cursor: list[Span] = [] if answer.ended else [("▌", "accent")]
        words = [(answer.text, "")] if reference is None else marked(answer.text, reference)
        lines += wrap_spans([*words, *cursor], cells)
    if answer.ended:
        lines += [_indented(row) for line in _end(answer, secret) for row in wrap_spans(line, cells - _INDENT)]
    elif not answer.text:
        lines.append(_indented(((_waiting(answer), "dim"),)))
    return lines


# ---------------------------------------------------------------- what the model was told


def _told(info: Mapping[str, Any], cells: int, details: bool) -> Iterator[Line]:
    """By its source: the recipe's text about the user, then the older dialogues that were retrieved, oldest first."""
    prompt = info.get("prompt")
    if isinstance(prompt, dict):
        yield from _source(f"{one_line(prompt.get('source', 'prompt'))}: ", str(prompt.get("text", "")), cells, details)
    memories = tables(info, "retrieved")
    retrieval = info.get("retrieval")
    if isinstance(retrieval, dict):
        yield from wrap_spans([(_heading(retrieval, len(memories)), "dim")], cells)
    for memory in sorted(memories, key=lambda one: str(one.get("started_at"))):
        yield from _source(f"{_when(memory)} ", _words(memory), cells, details)


def _heading(retrieval: Mapping[str, Any], found: int) -> str:
    count = "1 dialogue" if found == 1 else f"{found} dialogues"
    how = f"by {one_line(retrieval.get('by', '?'), 20)}, shown as {one_line(retrieval.get('show', '?'), 20)}"
    return f"{_MEMORY}{count} of {one_line(retrieval.get('persona', '?'), 60)}, {how}"


def _when(memory: Mapping[str, Any]) -> str:
    dialogue = one_line(memory.get("dialogue", "?"), 60)
    try:
        return f"{datetime.fromisoformat(str(memory.get('started_at'))):%d %b %Y %H:%M} {dialogue}"
    except ValueError:
        return f"? {dialogue}"


def _words(memory: Mapping[str, Any]) -> str:
    """What was said in it; the first line, which says when and where, is told already."""
    return str(memory.get("text", "")).partition("\n")[2]


def _source(head: str, text: str, cells: int, details: bool) -> list[Line]:
    if details:
        rows = wrap_spans([(head, "second"), ("\n", ""), (text, "dim")], cells - _INDENT)
    else:
        rows = wrap_spans([(head, "second"), (one_line(text), "dim")], cells - _INDENT)
        if len(rows) > _TOLD_LINES:
            rows = [*rows[: _TOLD_LINES - 1], fit_line((*rows[_TOLD_LINES - 1], (" " * cells, "")), cells - _INDENT)]
    return [((_MEMORY if number == 0 else "  ", "accent"), *row) for number, row in enumerate(rows)]


# ---------------------------------------------------------------- how it ended


def _waiting(answer: Answer) -> str:
    what = "waits for a worker" if answer.state == "READY" else "reads, or loads the model"
    return f"{what}… {answer.waited}s" if answer.waited else f"{what}…"


def _end(answer: Answer, secret: bool) -> Iterator[Line]:
    """What an answer did, which weights gave it and how fast; or why there is none."""
    if answer.state == "CANCELLED":
        yield (("stopped", "warn"),)
    elif not answer.given:
        yield ((answer.error or f"the answer is {answer.state}", "bad"),)
    elif not answer.text.strip():
        yield (("(an empty answer)", "dim"),)
    found = [actions(answer.info)]
    if not secret and "base" in answer.info:
        found.append(joined([weights(answer.info), _speed(answer.info)]))
    yield from (line for line in found if line)


def actions(info: Mapping[str, Any]) -> Line:
    """The device settings read from an answer: `lights brightness 40 · speaker volume 20`."""
    spans: list[Span] = []
    for action in tables(info, "actions"):
        device, parameter = action.get("device"), str(action.get("parameter")).replace("_", " ")
        spans += [(" · ", "faint"), (one_line(f"{device} {parameter} {shown(action.get('value'))}"), "good")]
    return tuple(spans[1:])


def weights(info: Mapping[str, Any]) -> Line:
    """The weights that answered, `unified@3fa9c1 + persona/maya@91be07`, or the model elsewhere that did.

    All by the worker's own account, given with the answer; a share of less than one stands before a name.
    """
    spans: list[Span] = []
    for adapter in tables(info, "adapters"):
        weight = adapter.get("weight", 1.0)
        share = f"{weight:.2g}×" if isinstance(weight, float) and weight != 1.0 else ""
        spans += [(" + ", "faint"), (f"{share}{one_line(adapter.get('name', ''))}", "dim"), _at(adapter.get("digest"))]
    if info.get("gate"):
        spans += [(" by gate", "dim"), _at(info["gate"])]
    if spans:
        return tuple(spans[1:])
    base = one_line(str(info.get("base", "base")))
    if "endpoint" in info:
        return ((base, "dim"),)
    return ((base, "dim"), *([_at(info["base_digest"])] if info.get("base_digest") else []), (" alone", "dim"))


def _at(value: object) -> Span:
    return (f"@{digest(str(value))}", "second")


def digests(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests of all weights that answered, whole: the base model's first, if it has one."""
    found = [info.get("base_digest"), *(one.get("digest") for one in tables(info, "adapters")), info.get("gate")]
    return tuple(str(one) for one in found if one)


def _speed(info: Mapping[str, Any]) -> Line:
    first, total = info.get("first_token_seconds"), info.get("seconds")
    said = [f"first token {first:.2f}s"] if isinstance(first, float) else []
    said += [f"all {total:.1f}s"] if isinstance(total, float) else []
    return ((" · ".join(said), "dim"),) if said else ()


def _indented(line: Line) -> Line:
    return ((" " * _INDENT, ""), *line)
