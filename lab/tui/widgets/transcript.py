"""The chat: the methods' names, and the conversations with them, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from lab.safe import one_line
from lab.tui.conversation import Conversation, Exchange, rounds
from lab.tui.format import digest, tables
from lab.tui.marks import shown
from lab.tui.text import Line, Span, beside, joined, wrap_spans
from lab.tui.widgets.lines import Lines

_INDENT = 2
_GAP = 3  # between columns


class Said(Lines, can_focus=True):
    """What was said, scrolling."""


class Transcript(Vertical):
    """What was said, following what is written: one method, or two side by side."""

    DEFAULT_CSS = """
    Transcript { Said { height: 1fr; padding: 0 1; } .rule { padding: 0 1; } }
    """

    def compose(self) -> ComposeResult:
        """The methods, then what was said."""
        yield Lines(classes="rule")
        yield Said(follow=True)

    @property
    def said(self) -> Said:
        """What was said."""
        return self.query_one(Said)

    def tell(self, conversations: Sequence[Conversation], abouts: Mapping[str, str]) -> None:
        """Show these conversations; `abouts` says what their methods are."""
        titles: list[Line] = [
            ((one_line(one.method), "strong"), (f"  {one_line(abouts.get(one.method, ''))}", "dim"))
            for one in conversations
        ]
        # The column of the scroll bar below is left free, so that the columns stand under their names.
        self.query_one(".rule", Lines).show(lambda cells: _columns([[title] for title in titles], cells - 1))
        self.said.show(lambda cells: said_lines(conversations, cells))


def said_lines(conversations: Sequence[Conversation], cells: int) -> list[Line]:
    """Every question once, and below it the answers side by side; one answer alone across the width."""
    lines: list[Line] = []
    for asked in rounds(conversations):
        there = [exchange for exchange in asked if exchange is not None]
        lines += _question(there[0].question, cells)
        if len(there) == len(asked):
            wide = _wide(len(there), cells)
            lines += _columns([_answer(exchange, wide) for exchange in there], cells)
        else:
            place = asked.index(there[0])
            lines.append(((f"{one_line(conversations[place].method)} alone was asked", "dim"),))
            lines += _answer(there[0], cells)
        lines.append(())
    return lines


def _columns(blocks: Sequence[list[Line]], cells: int) -> list[Line]:
    wide = _wide(len(blocks), cells)
    return beside([(block, wide) for block in blocks]) if len(blocks) > 1 else list(*blocks)


def _wide(columns: int, cells: int) -> int:
    """The cells of one of so many columns."""
    return (cells - _GAP * (columns - 1)) // max(columns, 1)


def _question(question: str, cells: int) -> list[Line]:
    rows = wrap_spans([(question, "accent")], cells - 5)
    return [(("you  " if number == 0 else "     ", "dim"), *row) for number, row in enumerate(rows)]


def _answer(exchange: Exchange, cells: int) -> list[Line]:
    lines: list[Line] = []
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
    for action in tables(info, "actions"):
        device, parameter = action.get("device"), str(action.get("parameter")).replace("_", " ")
        spans += [(" · ", "faint"), (one_line(f"{device} {parameter} {shown(action.get('value'))}"), "good")]
    return tuple(spans[1:])


def weights(info: Mapping[str, Any]) -> Line:
    """The weights that answered, `unified@3fa9c1 + persona/maya@91be07`, or the model elsewhere that did."""
    spans: list[Span] = []
    for adapter in tables(info, "adapters"):
        name, short = one_line(adapter.get("name", "")), digest(str(adapter.get("digest", "")))
        spans += [(" + ", "faint"), (name, "dim"), (f"@{short}", "second")]
    base = one_line(str(info.get("base", "base")))
    return tuple(spans[1:]) or ((base if "endpoint" in info else f"{base} alone", "dim"),)


def _speed(info: Mapping[str, Any]) -> Line:
    first, total = info.get("first_token_seconds"), info.get("seconds")
    said = [f"first token {first:.2f}s"] if isinstance(first, float) else []
    said += [f"all {total:.1f}s"] if isinstance(total, float) else []
    return ((" · ".join(said), "dim"),) if said else ()


def _indented(line: Line) -> Line:
    return ((" " * _INDENT, ""), *line)
