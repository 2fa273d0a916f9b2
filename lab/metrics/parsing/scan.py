"""From text to sentences of items: words, numbers with their units, and the phrases of the vocabulary.

One pass from left to right with a bounded look ahead, so the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.metrics.parsing.items import Break, Device, End, Item, Number, Parameter, Unit, Word, words
from lab.metrics.parsing.vocabulary import PHRASES

_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ`", "'"),
        **dict.fromkeys("—–…", " , "),
        **dict.fromkeys("％٪", "%"),
        **dict.fromkeys("º˚", "°"),
        "℃": "°c",
        "℉": "°f",
        "½": " half ",
        "¼": " a quarter ",
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
    }
)
_TOKEN = re.compile(
    r"a/c|[a-z]\.[a-z]\."  # a.c., t.v., p.m.
    r"|[0-9]+(?:[.:][0-9]+)*"  # 22, 22.5, 7:30
    r"|'s\b|[a-z]+(?:'(?!s\b)[a-z]+)*"  # the AC's is two words
    r"|\.{2,}|(?<!\S)-+(?!\S)"  # a pause
    r"|[,;.!?:=%°()&+/|\n]"
)
_SETTING = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?")  # longer ones are years, codes, clock times

_SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_NUMBERS.split())}
_LARGE = {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
# "one" is a pronoun elsewhere: "this one", "one moment"
_ONE_FOLLOWS = words("to at on level speed fan volume setting hdmi port input brightness is")

_DIGITS = words("1 2 3 4 5 6 7 8 9")

_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("%", "percent", "pct"), "percent"),
    **dict.fromkeys(("°", "degree", "degrees", "deg", "celsius", "c"), "degree"),
}
_SCALES = frozenset({"c", "f", "celsius", "fahrenheit"})

_MONTHS = words("january february march april june july august september october november december")
# What makes a number something else than a setting, by the word before it, ...
_BEFORE_OTHERS = _MONTHS | words("may by from past until till before after since")
# ... and by the word after it.
_AFTER_OTHERS = _MONTHS | words(
    "am pm a.m. p.m. o'clock oclock second seconds sec secs minute minutes min mins hour hours hr hrs day days night "
    "nights week weeks month months year years st nd rd th people person persons guests guest friends kids children of "
    "times time songs tracks episodes movies films things steps notches clicks rooms options routines devices "
    "warmer cooler hotter colder higher lower louder quieter brighter dimmer softer more less"
)
_DAY_PARTS = words("morning afternoon evening night")

LONGEST_SENTENCE = 200
"""Items after which a sentence is cut, so that work within a sentence is bounded."""


def sentences(text: str) -> Iterator[tuple[list[Item], bool]]:
    """Give each sentence's items, without its end, and whether it ends in a question mark."""
    sentence: list[Item] = []
    for item in _items(_fold_numbers(_TOKEN.findall(text.lower().translate(_CHARACTERS)))):
        if isinstance(item, End):
            yield sentence, item.question
            sentence = []
            continue
        sentence.append(item)
        if len(sentence) == LONGEST_SENTENCE:
            yield sentence, False
            sentence = []
    yield sentence, False


def _fold_numbers(tokens: list[str]) -> list[str]:
    """Write number words as digits: "thirty five" → "35", "a hundred" → "100"."""
    folded: list[str] = []
    tens = False  # the last word was "thirty" and may be followed by "five"
    for token in tokens:
        previous = folded[-1] if folded else ""
        small = _SMALL.get(token)
        if small is not None and tens and 0 < small < 10:
            folded[-1] = str(int(previous) + small)
        elif small is not None and (token != "one" or previous in _ONE_FOLLOWS):
            folded.append(str(small))
        elif token in _LARGE:
            folded.append(str(_LARGE[token]))
        elif token == "half" and folded[-2:] == ["and", "a"] and "".join(folded[-3:-2]).isdigit():
            folded[-3:] = [folded[-3] + ".5"]
        elif token == "hundred":
            times = int(folded.pop()) if previous in _DIGITS else 1
            if folded and folded[-1] in ("a", "one"):
                folded.pop()
            folded.append(str(100 * times))
        else:
            folded.append(token)
        tens = token in _LARGE
    return folded


def _items(tokens: list[str]) -> Iterator[Item]:
    """Turn tokens into items: the longest phrase that starts here, else a number, else a plain word."""
    at = 0
    item: Item = Word("")
    while at < len(tokens):
        if tokens[at] == ":" and not isinstance(item, Device | Parameter):
            item, at = Break(clause=True, joins=False), at + 1  # "Take two: ...", but not "lights: 50%"
        else:
            item, at = _phrase(tokens, at) or _number(tokens, at) or (_plain(tokens[at]), at + 1)
        yield item


def _phrase(tokens: list[str], at: int) -> tuple[Item, int] | None:
    for phrase, item in PHRASES.get(tokens[at], ()):
        end = at + len(phrase)
        if tuple(tokens[at:end]) == phrase:
            return item, end
    return None


def _plain(token: str) -> Item:
    return Break(clause=True, joins=True) if token.startswith(("..", "-")) else Word(token)


def _number(tokens: list[str], at: int) -> tuple[Item, int] | None:
    """A number with its unit; one that is a time, a count or a change becomes a plain word."""
    token = tokens[at]
    if not token[0].isdigit():
        return None
    unit, end = _unit(tokens, at + 1)
    if not _SETTING.fullmatch(token) or _is_other(tokens, at, end, unit):
        return Word(token), end
    value = float(token)
    return Number(int(value) if value.is_integer() else value, unit), end


def _unit(tokens: list[str], at: int) -> tuple[Unit, int]:
    """The unit that starts here and where it ends: %, per cent, °, degrees Celsius."""
    ahead = [*tokens[at : at + 2], "", ""]
    if ahead[:2] == ["per", "cent"]:
        return "percent", at + 2
    unit = _UNITS.get(ahead[0], "")
    if unit == "degree" and ahead[1] in _SCALES:
        return unit, at + 2
    return unit, at + bool(unit)


def _is_other(tokens: list[str], at: int, end: int, unit: Unit) -> bool:
    """Whether the number at `at`, whose unit ends before `end`, is a time, a count, a change or a former value."""
    before = tokens[at - 1] if at else ""
    after = [*tokens[end : end + 3], "", "", ""]
    if before in _BEFORE_OTHERS:
        return True
    if unit == "" and after[0] == "in" and (after[1] in _DAY_PARTS or after[2] in _DAY_PARTS):
        return True
    return after[0] in _AFTER_OTHERS and not (unit and after[0] == "of")
