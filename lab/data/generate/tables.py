"""The phrase tables of the generator, read once from the TOML files beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Frames = Mapping[str, tuple[str, ...]]
"""Act → sentence frames with [alternatives] and {slots}; a `tag> ` in front ties an answer to its question."""


@dataclass(frozen=True, slots=True)
class Manner:
    """One way of talking, and the assistant's way of answering it.

    `rates` are percentages: how often this kind of person greets, thanks, gives a reason, and so on. `habits` are
    the marks such a person leaves on the page (lower case, dropped articles, exclamation marks).
    """

    key: str
    about: tuple[str, ...]
    kin: tuple[str, ...]
    address: tuple[str, ...]
    rates: Mapping[str, int]
    habits: Mapping[str, Any]
    user: Frames
    assistant: Frames


@cache
def manners() -> Mapping[str, Manner]:
    """Every manner by its key, in alphabetical order."""
    folder = files(__package__) / "manners"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name.removesuffix(".toml"): _manner(name) for name in names}


def _manner(name: str) -> Manner:
    found = _read("manners", name)
    known = {"about", "kin", "address", "rates", "user", "assistant"}
    return Manner(
        key=name.removesuffix(".toml"),
        about=tuple(found["about"]),
        kin=tuple(found["kin"]),
        address=tuple(found["address"]),
        rates=found["rates"],
        habits={key: value for key, value in found.items() if key not in known},
        user={act: tuple(frames) for act, frames in found["user"].items()},
        assistant={act: tuple(frames) for act, frames in found["assistant"].items()},
    )


@cache
def table(name: str) -> Mapping[str, Any]:
    """One of the other tables: people, professions, hobbies, occasions, weather, wording."""
    return _read("tables", name + ".toml")


def _read(folder: str, name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / folder / name).read_text(encoding="utf-8"))
