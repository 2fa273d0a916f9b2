"""From scanned sentences to segments: what is asked, negated or conditional is marked before values are read.

A segment ends at a comma, "and", "with", "but" and the like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from lab.metrics.parsing.items import Break, Cancel, Choice, Device, Item, Number, Particle, Word, words
from lab.metrics.parsing.scan import sentences

_ASKING = words("what which how where want wanna ready anything prefer fancy care")
_AUXILIARIES = words("would should shall do does did can could may is are am will have")
_SUBJECTS = words("you i we that this it me the there your my these those")
_OUTSIDE = words("outside outdoors outdoor weather forecast")
_NOTHING = Word("")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a sentence.

    `opens` marks the first of a sentence, `joined` one that a comma or "and" ties to the piece before it. `ahead`
    are the devices named later in the sentence. `settles` is False in a question, which speaks of devices but
    sets nothing.
    """

    items: list[Item]
    opens: bool
    joined: bool
    ahead: tuple[str, ...]
    settles: bool

    def devices(self, start: int = 0, end: int | None = None) -> list[str]:
        """The devices named between two places of the segment, in order."""
        return [item.name for item in self.items[start:end] if isinstance(item, Device)]


def segments(text: str) -> Iterator[Segment]:
    """Give the segments of a text in order."""
    for items, is_question in sentences(text):
        asked_from = _asked_from(items) if is_question else len(items)
        yield from _cut(_without_cancelled(items), asked_from)


def _cut(items: list[Item], asked_from: int) -> Iterator[Segment]:
    """Cut a sentence at its breaks and where a question starts."""
    devices = [(at, item.name) for at, item in enumerate(items) if isinstance(item, Device)]
    breaks = [at for at, item in enumerate(items) if isinstance(item, Break)]
    edges = sorted({0, *breaks, asked_from, len(items)})
    for start, end in pairwise(edges):
        piece: list[Item] = [item for item in items[start:end] if not isinstance(item, Break)]
        ahead = tuple(name for at, name in devices if at >= end)
        lead = items[start]
        joined = start > 0 and (not isinstance(lead, Break) or lead.joins)
        yield Segment(_at_home(piece), start == 0, joined, ahead, settles=start < asked_from)


def _asked_from(items: list[Item]) -> int:
    """Where the question starts in a sentence that ends with a question mark.

    "Lights at 50%, would you like music?" asks from "would"; a tag ("..., okay?") asks nothing about settings.
    """
    for at, item in enumerate(items):
        text = item.text if isinstance(item, Word) else ""
        following = items[at + 1] if at + 1 < len(items) else _NOTHING
        subject = isinstance(following, Word) and following.text in _SUBJECTS
        if text in _ASKING or (text in _AUXILIARIES and subject):
            return at
    last_break = max((at for at, item in enumerate(items) if isinstance(item, Break) and item.clause), default=0)
    is_tag = last_break > 0 and all(isinstance(item, Word | Break) for item in items[last_break:])
    return len(items) if is_tag else 0


def _without_cancelled(items: list[Item]) -> list[Item]:
    """Blank the values that are said not to be set: "not 20 but 22", "I won't ...", "if you want 22", "from AV to"."""
    kept: list[Item] = []
    scope: str | None = None
    for at, item in enumerate(items):
        if isinstance(item, Cancel):
            scope = item.scope
        elif isinstance(item, Break) and item.clause:
            scope = None
        is_value = isinstance(item, Number | Choice | Particle)
        cancelled = is_value and (scope is not None or _is_former(items, at))
        kept.append(_NOTHING if cancelled else item)
        if is_value and scope == "value":
            scope = None
    return kept


def _is_former(items: list[Item], at: int) -> bool:
    """Whether a value stands in "from ... to", so that it is the old one."""
    return items[max(at - 1, 0) : at + 2 : 2] == [Word("from"), Word("to")]


def _at_home(items: list[Item]) -> list[Item]:
    """Blank the values of a segment that speaks of the weather: "it's 5 degrees outside"."""
    if not any(isinstance(item, Word) and item.text in _OUTSIDE for item in items):
        return items
    return [_NOTHING if isinstance(item, Number | Choice) else item for item in items]
