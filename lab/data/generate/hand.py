"""The marks a user leaves on the page: capitals, full stops, articles, exclamation marks, slips of the finger."""

from __future__ import annotations

import re

from lab.data.generate.dice import Dice
from lab.data.generate.person import Person

SENTENCE_START = re.compile(r"(^|(?<!\.\.)[.!?] +)([a-z])")
ARTICLES = re.compile(r"\b(?:the|a|an) (?=\w)", re.IGNORECASE)
LETTERS = re.compile(r"[a-z]{5,}")


def tidy(text: str) -> str:
    """One space between words, none before punctuation, a capital at the start of each sentence."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([,.;!?])", r"\1", text)
    return SENTENCE_START.sub(lambda found: found.group(1) + found.group(2).upper(), text)


def lower_first(text: str) -> str:
    """The text as it goes on after a comma: its first letter small, unless it stands for "I", a name or "AC"."""
    word = re.match(r"[\w'/]+", text)
    if word is None or word.group().split("'")[0] == "I" or word.group()[1:2].isupper():
        return text
    return text[0].lower() + text[1:]


def write(text: str, person: Person, dice: Dice) -> str:
    """A tidy text the way this person would type it."""
    habits = person.manner.habits
    text = tidy(text)
    if "articles" in person.drops:
        text = ARTICLES.sub(lambda found: "" if dice.chance(65) else found.group(), text)
    if dice.chance(habits.get("ellipsis", 0)):
        text = text.replace(", ", "... ", 1)
    if dice.chance(habits.get("exclaim", 0)):
        text = re.sub(r"(?<!\.)\.(?=\s|$)", "!", text)
    if dice.chance(person.typo_rate):
        text = _slip(text, dice)
    text = tidy(text)
    if "full stop" in person.drops:
        text = re.sub(r"(?<!\.)\.$", "", text)
    if "apostrophes" in person.drops:
        text = text.replace("'", "")
    return text.lower() if "capitals" in person.drops else text


def _slip(text: str, dice: Dice) -> str:
    """Two letters of one longer word change places."""
    words = list(LETTERS.finditer(text))
    if not words:
        return text
    at = dice.pick(words).start() + dice.between(1, 3)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
