"""Lists where one value is expected: one declaration, several methods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from lab.errors import LabError

_MOST = 1000
_LISTS = (("lora", "targets"), ("route", "among"))
_WORDS = ("about", "source")


def spread_lists(name: str, declaration: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods that a declaration stands for: `retrieve = { k = [1, 3] }` is NAME-k1 and NAME-k3.

    Several lists give every combination. A declaration without such a list is the one method of that name.

    Raises:
        LabError: it stands for none, for too many, or for several of one name.
    """
    lists = list(_lists(declaration))
    for path, choices in lists:
        _check_choices(name, ".".join(path), choices)
    if (number := prod(len(choices) for _, choices in lists)) > _MOST:
        raise LabError(
            f"method '{name}' stands for {number:,} methods; write fewer or shorter lists (at most {_MOST})."
        )
    found = {}
    for values in product(*(choices for _, choices in lists)):
        method = {key: dict(part) if isinstance(part, Mapping) else part for key, part in declaration.items()}
        for (path, _), value in zip(lists, values, strict=True):
            (method if len(path) == 1 else method[path[0]])[path[-1]] = value
        marks = [_mark(path[-1], value) for (path, _), value in zip(lists, values, strict=True)]
        one = "-".join([name, *marks])
        if one in found:
            raise LabError(f"method '{name}': two of its settings would both be named '{one}'; leave one of them out.")
        found[one] = method
    return found


def _check_choices(name: str, key: str, choices: list[Any]) -> None:
    if not choices:
        raise LabError(f"method '{name}': '{key}' is an empty list, which is no method at all; give it a value.")
    if any(isinstance(choice, Mapping | list) for choice in choices):
        raise LabError(f"method '{name}': '{key}' lists tables or lists; list the values of one key within it instead.")


def _lists(declaration: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for key, part in declaration.items():
        inner = part.items() if isinstance(part, Mapping) else ()
        for path, value in (((key,), part), *(((key, name), value) for name, value in inner)):
            if isinstance(value, list) and path[0] not in ("sweep", *_WORDS) and path not in _LISTS:  # by themselves
                yield path, value


def _mark(key: str, value: Any) -> str:
    """A setting as part of a name, which holds no `/` nor whatever else is in an address or in the name of a model."""
    if not isinstance(value, str):
        return f"{key}{value}"
    words = value.rpartition("//")[2].rpartition("@")[2] if key == "url" else value  # the place, and no password
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", words).strip("-")
