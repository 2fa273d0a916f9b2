"""A study file while it is made: the changes of the form to its text, whose comments and order stay."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import tomlkit
from tomlkit.items import Array, Table

from lab.errors import LabError
from lab.methods.spec import changed

_LINE = 80  # characters; a longer list has a line for each of its values


@dataclass(frozen=True, slots=True)
class Family:
    """A method of the catalogue, and the methods that it stands for where it has lists."""

    name: str
    about: str
    source: str
    group: str
    learns: bool
    variants: tuple[str, ...]  # itself alone where it has no lists


def content(text: str) -> dict[str, Any]:
    """What the text says; nothing where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def text_of(said: Mapping[str, Any]) -> str:
    """The text of a study file that says this, as one would write it: a table for each method, what it holds inline."""
    text = ""
    for key, value in said.items():
        parts = {("method", name): table for name, table in value.items()} if key == "method" else {(key,): value}
        for path, part in parts.items():
            text = with_value(text, path, part)
    return text


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with another value of a key; None takes the key away, and the tables that are empty then."""
    document = tomlkit.parse(text)
    if value is None:
        _remove(document, list(path))
    else:
        table: Any = document
        for key in path[:-1]:
            if key not in table:
                table[key] = tomlkit.table(is_super_table=key == "method")
            table = table[key]
        table[path[-1]] = _item(value)
    return tomlkit.dumps(document).rstrip() + "\n"


def _remove(table: Any, path: list[str]) -> None:
    key = path[0]
    if key not in table:
        return
    if len(path) > 1:
        _remove(table[key], path[1:])
    if len(path) == 1 or not len(table[key]):
        del table[key]


def _item(value: Any) -> Any:
    if isinstance(value, Mapping):
        table: Table = tomlkit.table()
        for key, one in value.items():
            table[key] = _inline(one)
        return table
    if isinstance(value, list | tuple):
        array: Array = tomlkit.array()
        array.extend(value)
        return array.multiline(len(str(value)) > _LINE)
    return value


def _inline(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table


# ---------------------------------------------------------------- methods


def picked(said: Mapping[str, Any]) -> list[str]:
    """The methods that a study names, as they are written."""
    names = said.get("methods", [])
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def own_tables(said: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods that a study declares for itself, as far as they are tables."""
    own = said.get("method", {})
    return {name: one for name, one in own.items() if isinstance(one, dict)} if isinstance(own, dict) else {}


def share_picked(names: Sequence[str], family: Family) -> float:
    """How much of a family is picked: 0…1."""
    if family.name in names:
        return 1.0
    return sum(variant in names for variant in family.variants) / len(family.variants)


def toggled(names: Sequence[str], family: Family, variant: str | None = None) -> list[str]:
    """The methods with this family, or one variant of it, picked or picked no more."""
    mine = {family.name, *family.variants}
    of_it = list(family.variants) if family.name in names else [one for one in family.variants if one in names]
    if variant is None:
        now = [] if share_picked(names, family) == 1 else [family.name]
    else:
        now = [one for one in family.variants if (one in of_it) != (one == variant)]
        now = [family.name] if now == list(family.variants) else now
    place = next((place for place, name in enumerate(names) if name in mine), len(names))
    others = [name for name in names if name not in mine]
    return [*others[:place], *now, *others[place:]]


# ---------------------------------------------------------------- what is typed


def numbered(name: str, taken: Collection[str]) -> str:
    """The name, or with the next number where it is taken: `home`, `home-2`, `home-3`."""
    stem, _, number = name.rpartition("-")
    stem = stem if number.isdigit() and stem in taken else name
    names = (name if place == 1 else f"{stem[:76]}-{place}" for place in count(1))
    return next(one for one in names if one not in taken)


def numbers(words: str) -> list[Any]:
    """`0, 1, 2` as numbers; what is none stays as it is, and is told when the study is checked."""
    return [_number(word) for word in words.replace(",", " ").split()]


def number(words: str) -> Any:
    """A number, or the words if they are none; None for nothing and for `all`."""
    return None if words.strip() in ("", "all") else _number(words.strip())


def _number(word: str) -> Any:
    try:
        return int(word)
    except ValueError:
        return word


def words_of_sweep(sweep: Any) -> str:
    """`learning_rate = [0.0001, 0.0005], rank = [4, 8]`."""
    return ", ".join(f"{name} = {values}" for name, values in sweep.items()) if isinstance(sweep, Mapping) else ""


def sweep_of_words(words: str) -> dict[str, Any]:
    """What a sweep says.

    Raises:
        LabError: it is not `name = [value, …]`, with commas between.
    """
    try:
        found: dict[str, Any] = tomllib.loads(f"sweep = {{ {words} }}")["sweep"]
    except ValueError:
        example = "learning_rate = [1e-4, 5e-4], rank = [4, 8]"
        raise LabError(f"sweep: {words!r} is no list of settings; write {example}.") from None
    return {name: values if isinstance(values, list) else [values] for name, values in found.items()}


def with_sweep(text: str, name: str, declared: Mapping[str, Any], sweep: Mapping[str, Any]) -> str:
    """The text with another sweep of a method, whose table is written out for it if the study has none of its own.

    Args:
        declared: the method as the catalogue has it; a table that says no more than that goes.
    """
    own = own_tables(content(text)).get(name, {})
    table = dict(own) if "parameters" in own else changed(declared, own)
    table.pop("sweep", None)
    if sweep:
        table["sweep"] = dict(sweep)
    text = with_value(text, ("method", name), None)
    return with_value(text, ("method", name), table) if table != declared else text
