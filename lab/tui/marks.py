"""What differs between a reference and a prediction: numbers and devices, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from lab.safe import one_line, safe
from lab.tui.text import Line, Span

if TYPE_CHECKING:
    from lab.metrics.actions import Action

_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d]+(?:['’/.-][^\W\d]+)*")


def marked(text: str, other: str) -> list[Span]:
    """The text with its numbers and devices in `mark` where the other text has them, in `miss` where not."""
    known = set(_things(safe(other)))
    spans: list[Span] = []
    end = 0
    text = safe(text)
    for match in _WORD.finditer(text):
        thing = _thing(match[0])
        if thing:
            spans += [(text[end : match.start()], ""), (match[0], "mark" if thing in known else "miss")]
            end = match.end()
    return [*spans, (text[end:], "")]


def settings(actions: Iterable[Action], other: frozenset[Action]) -> Line:
    """The parsed device settings, those the other text has not in `bad`."""
    spans: list[Span] = []
    for action in sorted(actions, key=str):
        words = one_line(f"{action.device} {action.parameter.replace('_', ' ')} {shown(action.value)}")
        spans += [(" · ", "faint"), (words, "good" if action in other else "bad")]
    return tuple(spans[1:])


def shown(value: object) -> str:
    """A setting's value as a person writes it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _things(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        yield _thing(match[0])


@lru_cache(maxsize=8192)
def _thing(word: str) -> str:
    """The number or the device that a word names; empty for any other word."""
    if word[0].isdigit():
        return f"{float(word):g}"
    from lab.metrics.actions import devices_mentioned

    return " ".join(sorted(devices_mentioned(word)))
