"""Which texts of a model will do: cleaned first, then judged, with the reason where one will not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import orjson

from lab.data.augment.told import told
from lab.data.formats.record import CONTROL
from lab.data.types import Dialogue
from lab.metrics.actions import parse_actions

FLOOR = 0.6
"""Least cosine of a rewritten message's embedding and its source's."""

_LABEL = re.compile(
    r"(user|assistant|(re)?writ|re-?phras|paraphras|translat|new wording|sure|certainly|here)[^:]{0,60}:\s*",
    re.IGNORECASE,
)
_QUOTES = dict.fromkeys(map(ord, '"“”„«»'))
_WORD = re.compile(r"\w+")
_ASSISTANT = re.compile(  # what assistants say and users do not
    r"^(?:sure|certainly|of course|absolutely|setting|turning)\b"
    r"|\bi'm (?:going to|sorry|glad|happy|afraid|not sure|setting|turning|making)\b|\bi(?:'ll| will| can(?:'t|not)?)\b"
    r"|\bi'(?:ve (?:set|put|turned|brought|made)|d (?:be happy|suggest|recommend))\b"
    r"|\b(?:let me|help you|you can|you're welcome|your|the user|the sentence|as an ai)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?|\b(?:know|tell me|ask|wonder)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:can|could|would|will|may|might|shall)\b", re.IGNORECASE)


class Refusal(StrEnum):
    """Why something that was tried is no new dialogue."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    UNCHANGED = "unchanged"
    TOO_LONG = "too long"
    REPEATS = "repeats itself"
    ANSWER = "answers instead of asking"
    OTHER_MEANING = "device, number or sense lost or added"
    FAR = "far from its source"
    DUPLICATE = "duplicate"


def clean(text: str) -> str:
    """The first line of what a model wrote, without quotes and without a label before it; "" if nothing is left."""
    lines = (" ".join(CONTROL.sub(" ", line.translate(_QUOTES)).split()) for line in text.splitlines())
    first = next((line for line in lines if line), "")
    label = _LABEL.match(first)
    return first[label.end() :] if label else first


def normal(text: str) -> str:
    """A text's words, by which two texts are the same."""
    return " ".join(_WORD.findall(text.casefold()))


def same(dialogue: Dialogue) -> tuple[str, bytes]:
    """What makes two dialogues of a persona duplicates: the user's words and the situation."""
    words = "\n".join(normal(message.content) for message in dialogue.messages if message.role == "user")
    return words, orjson.dumps(dialogue.context, option=orjson.OPT_SORT_KEYS)


def flaw(text: str, like: Sequence[str]) -> Refusal | None:
    """What is wrong with a text by itself; `like` are texts that it should be about as long as."""
    if not normal(text):
        return Refusal.EMPTY
    if "\ufffd" in text:  # bytes that are no text
        return Refusal.UNREADABLE
    if len(text.split()) > 2 * max(len(one.split()) for one in like) + 10:
        return Refusal.TOO_LONG
    return Refusal.REPEATS if _repeated(text).difference(*map(_repeated, like)) else None


def _repeated(text: str) -> set[tuple[str, str, str]]:
    """Three words in a row that come more than once."""
    words = normal(text).split()
    counts = Counter(zip(words, words[1:], words[2:], strict=False))
    return {three for three, number in counts.items() if number > 1}


def answers(text: str, *like: str) -> bool:
    """Whether a text speaks as assistants do, in a way that none of those it should be like does."""
    return bool(_assistant(text) - set().union(*map(_assistant, like)))


def _assistant(text: str) -> set[str]:
    return {phrase.lower() for phrase in _ASSISTANT.findall(text.replace("’", "'"))}


def refused(source: str, text: str, cosine: float) -> Refusal | None:
    """Why a rewritten user message may not take its source's place; None if it may."""
    if (found := flaw(text, [source])) is not None:
        return found
    if normal(text) == normal(source):
        return Refusal.UNCHANGED
    if answers(text, source):
        return Refusal.ANSWER
    if told(text) != told(source) or _settles(source, text) or _no_question(source, text):
        return Refusal.OTHER_MEANING
    return Refusal.FAR if cosine < FLOOR else None


def _settles(source: str, text: str) -> bool:
    """Whether both set something, but not the same: "the AC to 18" and "the lights to 18"."""
    before, after = parse_actions(source), parse_actions(text)
    return bool(before and after) and before != after


def _no_question(source: str, text: str) -> bool:
    """Whether what was asked is only stated; "could you" asks for a deed, which can be asked for otherwise."""
    return "?" in source and not _QUESTION.search(text) and not _ASKING.search(source)
