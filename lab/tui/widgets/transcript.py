"""One column of the chat: a method's name, and the conversation with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from lab.tui.conversation import Conversation, Exchange
from lab.tui.format import digest
from lab.tui.marks import shown
from lab.tui.text import Line, Span, joined, one_line, wrap_spans
from lab.tui.widgets.lines import Lines

_INDENT = 2


class Said(Lines, can_focus=True):
    """What was said, scrolling."""


class Transcript(Vertical):
    """A conversation that follows what is written."""

    def compose(self) -> ComposeResult:
        """The method, then what was said."""
        yield Lines(classes="rule")
        yield Said(follow=True)

    @property
    def said(self) -> Said:
        """What was said."""
        return self.query_one(Said)

    def tell(self, conversation: Conversation, about: str) -> None:
        """Show this conversation."""
        title: Line = ((f" {one_line(conversation.method)}", "strong"), (f"  {one_line(about)}", "dim"))
        self.query_one(".rule", Lines).show(lambda _: [title])
        self.said.show(lambda cells: conversation_lines(conversation, cells))


def conversation_lines(conversation: Conversation, cells: int) -> list[Line]:
    """Everything that was said, in so many cells."""
    lines: list[Line] = []
    for exchange in conversation.exchanges:
        lines += [*_exchange(exchange, cells), ()]
    return lines


def _exchange(exchange: Exchange, cells: int) -> list[Line]:
    rows = wrap_spans([(exchange.question, "accent")], cells - 5)
    lines: list[Line] = [(("you  " if number == 0 else "     ", "dim"), *row) for number, row in enumerate(rows)]
    if exchange.text:
        cursor: list[Span] = [] if exchange.ended else [("▌", "accent")]
        lines += wrap_spans([(exchange.text, ""), *cursor], cells)
    if exchange.ended:
        lines += [_indented(row) for line in _end(exchange) for row in wrap_spans(line, cells - _INDENT)]
    elif not exchange.text:
        lines.append(_indented(((_waiting(exchange), "dim"),)))
    return lines


def _waiting(exchange: Exchange) -> str:
    what = "waits for a worker" if exchange.state == "READY" else "reads, or loads the model"
    return f"{what}… {exchange.waited}s" if exchange.waited else f"{what}…"


def _end(exchange: Exchange) -> list[Line]:
    """What an answer did, which weights gave it and how fast; or why there is none."""
    if exchange.state == "CANCELLED":
        return [(("stopped", "warn"),)]
    if exchange.state != "SUCCEEDED":
        return [((exchange.error or f"the answer is {exchange.state}", "bad"),)]
    empty: Line = () if exchange.text.strip() else (("(an empty answer)", "dim"),)
    return [
        line
        for line in (empty, actions(exchange.info), joined([weights(exchange.info), _speed(exchange.info)]))
        if line
    ]


def actions(info: Mapping[str, Any]) -> Line:
    """The device settings read from an answer: `lights brightness 40 · speaker volume 20`."""
    spans: list[Span] = []
    for action in info.get("actions", ()):
        device, parameter = action["device"], str(action["parameter"]).replace("_", " ")
        spans += [(" · ", "faint"), (one_line(f"{device} {parameter} {shown(action['value'])}"), "good")]
    return tuple(spans[1:])


def weights(info: Mapping[str, Any]) -> Line:
    """The weights that answered: `unified@3fa9c1 + persona/maya@91be07`."""
    spans: list[Span] = []
    for adapter in info.get("adapters", ()):
        spans += [(" + ", "faint"), (one_line(adapter["name"]), "dim"), (f"@{digest(adapter['digest'])}", "second")]
    return tuple(spans[1:]) or ((f"{one_line(str(info.get('base', 'base')))} alone", "dim"),)


def _speed(info: Mapping[str, Any]) -> Line:
    first, total = info.get("first_token_seconds"), info.get("seconds")
    said = [] if first is None else [f"first token {first:.2f}s"]
    said += [] if total is None else [f"all {total:.1f}s"]
    return ((" · ".join(said), "dim"),) if said else ()


def _indented(line: Line) -> Line:
    return ((" " * _INDENT, ""), *line)
