"""One JSON object of a file and its place: typed access that tells every fault where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from lab.data.faults import Faults

MAX_DEPTH = 16
MAX_ID = 200

# A tab and a line feed are text; every other control character could steer the terminal it is shown in.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
BAD_ID = re.compile(r"[\n\t/\\]|^\.|^\s*$")
WORDS: Mapping[type, str] = {str: "a text", dict: "an object", list: "a list", int: "a whole number"}
EXAMPLES: Mapping[str, str] = {"actions": '{"ac": {"temperature": 22}}', "context": '{"weather": "rainy"}'}
"""Objects by key: what one looks like says more than its type."""
T = TypeVar("T")


class Record:
    """A JSON object at a place in a file. `ok` turns False with its first fault, and its parent's with it."""

    __slots__ = ("data", "faults", "file", "line", "ok", "parent", "where")

    def __init__(
        self,
        file: Path,
        line: int,
        faults: Faults,
        data: dict[str, Any],
        where: str = "",
        parent: Record | None = None,
    ) -> None:
        self.file = file
        self.line = line
        self.faults = faults
        self.data = data
        self.where = where
        self.parent = parent
        self.ok = True

    def fault(self, text: str) -> None:
        """Note a fault here; `text` goes on from the place, as in `messages[3].` + `role is missing`."""
        self.faults.add(self.file, self.line, self.where + text)
        above: Record | None = self
        while above is not None:
            above.ok = False
            above = above.parent

    def inside(self, value: Any, name: str) -> Record:
        """An object inside this one; faulty and empty where the value is no object."""
        data = value if isinstance(value, dict) else {}
        inner = Record(self.file, self.line, self.faults, data, f"{self.where}{name}.", self)
        if data is not value:
            self.fault(f"{name} is {show(value)}; it must be an object")
            inner.ok = False
        return inner

    def want(self, key: str, kind: type[T]) -> T | None:
        """The value of a required key if it has the type asked for, else None and a fault."""
        if key not in self.data:
            self.fault(f"{key} is missing; add it as {_wanted(key, kind)}")
            return None
        return self._typed(key, self.data[key], kind)

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """As `want`, for a key that may be left out or null."""
        value = self.data.get(key)
        return None if value is None else self._typed(key, value, kind)

    def _typed(self, key: str, value: Any, kind: type[T]) -> T | None:
        # In JSON true is no number, in Python it is.
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.fault(f"{key} is {show(value)}; it must be {_wanted(key, kind)}")
        return None

    def list_of(self, key: str) -> list[Record]:
        """The objects of a required list."""
        return [self.inside(item, f"{key}[{i}]") for i, item in enumerate(self.want(key, list) or ())]

    def text(self, key: str) -> str:
        """A required text without control characters; empty after a fault."""
        return self._clean(key, self.want(key, str)) or ""

    def maybe_text(self, key: str) -> str | None:
        """As `text`, for a key that may be left out or null."""
        return self._clean(key, self.maybe(key, str))

    def maybe_name(self, key: str) -> str | None:
        """The same of a short text, by which scores are told apart."""
        text = self.maybe_text(key)
        if text is not None and len(text) > MAX_ID:
            self.fault(f"{key} is {show(text)}; use {MAX_ID} characters at most")
        return text

    def _clean(self, key: str, text: str | None) -> str | None:
        if text is not None and (problem := control(text)):
            self.fault(f"{key} holds {problem}")
            return None
        return text

    def identity(self, key: str) -> str:
        """A required id: a short text that is safe to print and to name a file after."""
        text = self._clean(key, self.want(key, str))
        if text is not None and (len(text) > MAX_ID or BAD_ID.search(text)):
            self.fault(f"{key} is {show(text)}; use 1 to {MAX_ID} characters, no slash, no line break, no dot first")
        return text or ""

    def moment(self, key: str) -> datetime | None:
        """A required ISO 8601 time with a time zone."""
        text = self.want(key, str)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                moment.astimezone(UTC)  # overflows at the edges of the calendar
                return moment
            problem = "has no time zone; end it with Z or an offset such as +02:00"
        except (ValueError, OverflowError):
            problem = "is no date; write it as 2024-05-14T12:19:08Z"
        self.fault(f"{key} {show(text)} {problem}")
        return None

    def free(self, key: str) -> None:
        """Check a value the lab keeps as it is: not too deep, no control characters."""
        if problem := _unclean(self.data.get(key), MAX_DEPTH):
            self.fault(f"{key} holds {problem}")


def control(text: str) -> str | None:
    """What is wrong with a text that holds a control character, or None."""
    found = CONTROL.search(text)
    return f"the control character U+{ord(found.group()):04X}; take it out" if found else None


def _wanted(key: str, kind: type) -> str:
    example = EXAMPLES.get(key) if kind is dict else None
    return WORDS[kind] + (f" such as {example}" if example else "")


def show(value: Any) -> str:
    """A JSON value in a few printable words."""
    if isinstance(value, dict | list):
        return ("an object" if isinstance(value, dict) else "a list") if value else "empty"
    text = orjson.dumps(value).decode()
    return CONTROL.sub("?", text if len(text) <= 40 else text[:37] + "...")


def _unclean(value: Any, depth: int) -> str | None:
    """The first thing wrong inside a free JSON value."""
    if isinstance(value, str):
        return control(value)
    if not isinstance(value, dict | list):
        return None
    if depth == 0:
        return f"values nested more than {MAX_DEPTH} deep; make it flatter"
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    return next((problem for item in inside if (problem := _unclean(item, depth - 1))), None)
