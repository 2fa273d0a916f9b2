"""Which texts of a model will do: cleaned first, then judged, with the reason where one will not."""

from __future__ import annotations

import re
from enum import StrEnum

import orjson

from lab.data.augment.told import told
from lab.data.formats.record import CONTROL
from lab.data.types import Dialogue

FLOOR = 0.6
"""Least cosine of a rewritten message's embedding and its source's."""

_LABEL = re.compile(
    r"(user|assistant|(re)?writ|re-?phras|paraphras|translat|new wording|sure|certainly|here)[^:]{0,60}:\s*",
    re.IGNORECASE,
)
_QUOTES = "\"'`“”‘’«»*"
_WORD = re.compile(r"\w+")
_ANSWERING = re.compile(
    r"(sure|certainly|of course|absolutely|setting|turning|i'll|i will|i've set|i have set|i can|i cannot|i can't"
    r"|i'm sorry|as an|here (is|are)|you can|you're welcome|the user|how can i)\b",
    re.IGNORECASE,
)


class Refusal(StrEnum):
    """Why something that was tried is no new dialogue."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    UNCHANGED = "unchanged"
    TOO_LONG = "too long"
    ANSWER = "answers instead of asking"
    OTHER_MEANING = "device or number lost or added"
    FAR = "far from its source"
    DUPLICATE = "duplicate"


def clean(text: str) -> str:
    """The first line of what a model wrote, without quotes around it or a label before it; "" if nothing is left."""
    lines = (" ".join(CONTROL.sub(" ", line).split()) for line in text.splitlines())
    first = _unquoted(next((line for line in lines if line), ""))
    label = _LABEL.match(first)
    return _unquoted(first[label.end() :]) if label else first


def _unquoted(text: str) -> str:
    """Without quotes that stand at both ends."""
    while len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text


def normal(text: str) -> str:
    """A text's words, by which two texts are the same."""
    return " ".join(_WORD.findall(text.casefold()))


def same(dialogue: Dialogue) -> tuple[str, bytes]:
    """What makes two dialogues of a persona duplicates: the user's words and the situation."""
    words = "\n".join(normal(message.content) for message in dialogue.messages if message.role == "user")
    return words, orjson.dumps(dialogue.context, option=orjson.OPT_SORT_KEYS)


def flaw(text: str, longest: int) -> Refusal | None:
    """What is wrong with a text by itself; `longest` is the number of words that is natural for it."""
    if not normal(text):
        return Refusal.EMPTY
    if "\ufffd" in text:  # bytes that are no text
        return Refusal.UNREADABLE
    return Refusal.TOO_LONG if len(text.split()) > 2 * longest + 10 else None


def answers(text: str) -> bool:
    """Whether a text opens as assistants do and users do not."""
    return _ANSWERING.match(text) is not None


def refused(source: str, text: str, cosine: float) -> Refusal | None:
    """Why a rewritten user message may not take its source's place; None if it may."""
    if (found := flaw(text, len(source.split()))) is not None:
        return found
    if normal(text) == normal(source):
        return Refusal.UNCHANGED
    if answers(text) and not answers(source):
        return Refusal.ANSWER
    if told(text) != told(source):
        return Refusal.OTHER_MEANING
    return Refusal.FAR if cosine < FLOOR else None
