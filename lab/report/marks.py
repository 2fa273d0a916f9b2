"""What differs between a reference and a prediction: numbers and devices, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

Mark = Literal["", "right", "wrong"]

_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d]+(?:['’/.-][^\W\d]+)*")


def marked(text: str, other: str) -> Iterator[tuple[str, Mark]]:
    """The text in pieces: its numbers and devices are right where the other text has them, else wrong."""
    known = {_thing(match[0]) for match in _WORD.finditer(other)}
    end = 0
    for match in _WORD.finditer(text):
        thing = _thing(match[0])
        if thing:
            yield text[end : match.start()], ""
            yield match[0], "right" if thing in known else "wrong"
            end = match.end()
    yield text[end:], ""


def shown(value: object) -> str:
    """A setting's value as a person writes it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


@lru_cache(maxsize=8192)
def _thing(word: str) -> str:
    """The number or the device that a word names; empty for any other word."""
    if word[0].isdecimal():
        return f"{float(word):g}"
    from lab.metrics.actions import devices_mentioned

    return " ".join(sorted(devices_mentioned(word)))
