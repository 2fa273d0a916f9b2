"""Lists where one value is expected: one declaration, several methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from lab.errors import LabError

_MOST = 1000
_LISTS = (("lora", "targets"), ("route", "among"))


def spread_lists(name: str, declaration: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods that a declaration stands for: `retrieve = { k = [1, 3] }` is NAME-k1 and NAME-k3.

    Several lists give every combination. A declaration without such a list is the one method of that name.
    """
    lists = list(_lists(declaration))
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
        found["-".join([name, *marks])] = method
    return found


def _lists(declaration: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for key, part in declaration.items():
        inner = part.items() if isinstance(part, Mapping) else ()
        for path, value in (((key,), part), *(((key, name), value) for name, value in inner)):
            if isinstance(value, list) and path[0] != "sweep" and path not in _LISTS:  # lists by themselves
                yield path, value


def _mark(key: str, value: Any) -> str:
    """A setting as part of a name."""
    return value if isinstance(value, str) else f"{key}{value}"
