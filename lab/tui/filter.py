"""What may be typed to narrow a table: words, `a|b`, `"some words"`, `/regex/`, `field:` before and `!` before that.

A row is kept if it has all that was typed. What cannot be understood keeps every row and says why in
`Filter.fault`: nobody is shown an empty table for half a regex.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import regex

Row = TypeVar("Row")
Says = Mapping[str, Callable[[Row], str]]
"""The fields of a row: name → how to read it."""

_ROW_SECONDS, _ALL_SECONDS = 0.02, 0.3  # a regex that needs more would make the keys wait
_SPARE = 1000  # rows
_EDGE = "\n"  # between the fields of a row: for a regex, `^` and `$` are the edges of a field


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a row has to have, or with `no` must not have."""

    has: Callable[[str], bool]
    field: str = ""  # "": anywhere
    no: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """What was typed, understood; or why it could not be."""

    terms: tuple[Term, ...] = ()
    fault: str = ""


# ---------------------------------------------------------------- what was typed


def parse(typed: str, names: Iterable[str]) -> Filter:
    """The filter for what was typed. `x:` with an x that is none of the `names` is part of a word, as in `cuda:0`."""
    try:
        terms = [_term(match) for match in _terms(tuple(names)).finditer(typed)]
    except _RegexError as error:
        return Filter(fault=str(error))
    return Filter(tuple(term for term in terms if term is not None))


class _RegexError(Exception):
    """A regex that is none, or not yet."""


@lru_cache(maxsize=8)
def _terms(names: tuple[str, ...]) -> re.Pattern[str]:
    field = "|".join(map(re.escape, names)) or "(?!)"
    regex = r"/(?P<regex>(?:\\.|[^\\])*?)(?:/(?=\s|$)|\\?$)"  # to a slash at the end of a word, or of all
    value = rf'(?:{regex}|"(?P<phrase>[^"]*)"?|(?P<word>\S*))'
    return re.compile(rf"(?P<no>!?)(?:(?P<field>{field}):)?{value}", re.I | re.S)


def _term(match: re.Match[str]) -> Term | None:
    """What one match asks for; None where nothing is written yet."""
    has = _has(match)
    return None if has is None else Term(has, (match["field"] or "").lower(), bool(match["no"]))


def _has(match: re.Match[str]) -> Callable[[str], bool] | None:
    if match["regex"]:
        return _searching(match["regex"])
    if match["phrase"]:
        phrase = match["phrase"].lower()
        return lambda text: phrase in text
    words = [word for word in (match["word"] or "").lower().split("|") if word]
    if not words:
        return None
    if len(words) == 1:
        (only,) = words
        return lambda text: only in text
    return lambda text: any(word in text for word in words)


def _searching(pattern: str) -> Callable[[str], bool]:
    """Whether a text has what the regex says; one that takes too long raises TimeoutError."""
    search = _compiled(pattern).search
    return lambda text: search(text, timeout=_ROW_SECONDS) is not None


def _compiled(pattern: str) -> regex.Pattern[str]:
    import regex  # unlike `re`, it can be told when to give up

    try:
        # V0: as `re` has it. `.` is any character, so that `train.*hybrid` goes from field to field.
        return regex.compile(pattern, regex.I | regex.M | regex.S | regex.V0)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise _RegexError(f"not a regex yet: {error}") from None


# ---------------------------------------------------------------- where a text has it


@dataclass(frozen=True, slots=True)
class Search:
    """Something looked for in lines of text: words as they are, or `/regex/`."""

    found: Callable[[str], list[tuple[int, int]]]  # where it begins and ends in a text
    fault: str = ""


def searching(typed: str) -> Search:
    """The search for what was typed, small and capital letters alike; one with a fault finds nothing."""
    regex, words = typed.startswith("/"), re.escape(typed)
    try:
        pattern = _compiled(typed[1:].removesuffix("/") if regex else words)
    except _RegexError as error:
        return Search(lambda _: [], str(error))

    def found(text: str) -> list[tuple[int, int]]:
        try:
            matches = pattern.finditer(text, timeout=_ROW_SECONDS)
            return [match.span() for match in matches if match.end() > match.start()]
        except TimeoutError:
            return []

    return Search(found if typed.strip("/") else lambda _: [])


# ---------------------------------------------------------------- rows


class Narrowing(Generic[Row]):
    """A filter at work on a table. Each row is looked at once: of those that come again it is known what they say."""

    def __init__(self, says: Says[Row]) -> None:
        self._says = says
        self._filter = Filter()
        self._said: dict[
            int, tuple[Row, str]
        ] = {}  # id of an object → the row, which keeps the id its own, and its text
        self._verdicts: dict[int, bool] = {}  # id → whether it is kept
        self._rows: Sequence[Row] = ()
        self._kept: Sequence[Row] = ()
        self.typed = ""

    @property
    def fault(self) -> str:
        """What is wrong with what was typed; "": nothing."""
        return self._filter.fault

    @property
    def narrows(self) -> bool:
        """Whether it asks anything of a row."""
        return bool(self._filter.terms)

    def type(self, typed: str) -> None:
        """Narrow to this from now on."""
        if typed != self.typed:
            self.typed, self._filter = typed, parse(typed, self._says)
            self._verdicts, self._rows = {}, ()

    def kept(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that have all that was typed; the very same sequence where none has to go, or none came anew."""
        if not self._filter.terms:
            return rows
        if rows is not self._rows:
            try:
                self._look(rows)
            except TimeoutError:
                self._filter = Filter(fault="this regex takes too long on what the table says")
                return rows
            verdicts = self._verdicts
            self._rows, self._kept = rows, [row for row in rows if verdicts[id(row)]]
        return self._kept

    def _look(self, rows: Sequence[Row]) -> None:
        """Come to a verdict on those that have none."""
        if len(self._said) > 2 * len(rows) + _SPARE:  # most of them have gone
            self._said, self._verdicts = {}, {}
        deadline = time.monotonic() + _ALL_SECONDS
        for row in [row for row in rows if id(row) not in self._verdicts]:
            if id(row) not in self._said:
                self._said[id(row)] = (row, self._all(row))
            self._verdicts[id(row)] = self._keeps(row, self._said[id(row)][1])
            if time.monotonic() > deadline:
                raise TimeoutError

    def _keeps(self, row: Row, said: str) -> bool:
        for term in self._filter.terms:
            text = self._says[term.field](row).lower() if term.field else said
            if term.has(text) is term.no:
                return False
        return True

    def _all(self, row: Row) -> str:
        return _EDGE.join([read(row) for read in self._says.values()]).lower()


# ---------------------------------------------------------------- what may be typed


def present_field(typed: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The field whose value is being typed, and the last of its values so far; None where none is."""
    word = typed.rpartition(" ")[2].removeprefix("!")
    name, colon, value = word.partition(":")
    if not colon or name.lower() not in names or value.startswith("/"):
        return None
    return name.lower(), value.rpartition("|")[2].lower()


def values(rows: Iterable[Row], read: Callable[[Row], str]) -> Counter[str]:
    """Every value of a field, and how many rows have it; of a list each one."""
    return Counter(value for row in rows for value in read(row).split(", ") if value)


def completed(typed: str, names: Sequence[str], offered: Iterable[str]) -> str | None:
    """What was typed, with the name or value that it begins written out; None if there is no such one.

    Args:
        typed: the line so far.
        names: of the fields.
        offered: values of the field whose value is being typed.
    """
    found = present_field(typed, names)
    if found is None:
        start = typed.rpartition(" ")[2].removeprefix("!").lower()
        choices: Iterable[str] = (f"{name}:" for name in names)
    else:
        start, choices = found[1], (value.lower() for value in offered if " " not in value)
    first = next((choice for choice in choices if start and choice.startswith(start)), None)
    return None if first is None else typed + first[len(start) :]
