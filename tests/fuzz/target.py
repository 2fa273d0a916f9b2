"""What every target of the fuzzing is, and what must hold of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from lab.data.faults import DataError
from lab.errors import LabError

LONGEST = 2100  # characters of a sentence, with what a command says before and after it
MOST_LINES = 25  # of a data set with many faults
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Target:
    """A way in: what is thrown at it, and what is done with each example; a fault raises."""

    name: str
    examples: st.SearchStrategy[Any]
    attack: Callable[[Path, Any], None]  # a folder to work in, an example
    share: int  # of all examples, relative to the others
    short: int  # examples in the ordinary tests: what takes a second or two
    arena: Callable[[Path], AbstractContextManager[object]] = lambda home: nullcontext()


def told(call: Callable[[], Any]) -> Any:
    """What the call gives; None if it refuses in one sentence. Any other exception, or a bad sentence, is a crash."""
    try:
        return call()
    except LabError as error:
        check_sentence(str(error), lines=MOST_LINES if isinstance(error, DataError) else 1)
        return None


def check_sentence(said: str, lines: int = 1) -> None:
    """One line, of bounded length, with nothing that a terminal acts on."""
    assert said.strip(), "an error without a word"
    assert said.count("\n") < lines, f"{said.count(chr(10)) + 1} lines: {said[:200]!r}"
    assert all(len(line) <= LONGEST for line in said.split("\n")), f"{len(said)} characters"
    check_plain(said)


def check_plain(text: str) -> None:
    """Nothing in it drives a terminal."""
    found = BAD.search(text)
    assert found is None, f"{found!r} in {text[max(found.start() - 40, 0) : found.end() + 40]!r}"
