"""What a scanned text is made of. The grammar works on these items, never on characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = bool | int | float | str
Unit = Literal["", "percent", "degree"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word without a meaning of its own here; the grammar may still look at it."""

    text: str


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its name in the data: tv, ac, lights, speaker or security."""

    name: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A word for a parameter: device → that device's parameter; `hint` marks a verb that only suggests it ("dim")."""

    of: tuple[tuple[str, str], ...]
    numeric: bool
    hint: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number that can be a setting. `vague` marks "half" and "full", which need a device or parameter beside them."""

    value: int | float
    unit: Unit = ""
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that is a value: the (device, parameter, value) settings it may mean.

    `everyday` marks words with a life outside settings ("warm", "cool").
    """

    options: tuple[tuple[str, str, Value], ...]
    everyday: bool = False


@dataclass(frozen=True, slots=True)
class Particle:
    """The word "on" or "off"; whether it switches a device is the grammar's business."""

    on: bool


@dataclass(frozen=True, slots=True)
class SwitchVerb:
    """A verb that makes a following particle a switch: turn (on), power (off)."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """What follows is not done: the next value ("not 20", "instead of 20") or the rest of the clause ("I won't")."""

    scope: Literal["value", "clause"]


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a segment.

    A `clause` break (comma, "but") also ends a cancelled clause; "and" does not. One that `joins` (comma, "and")
    may stand between the members of a list.
    """

    clause: bool
    joins: bool


@dataclass(frozen=True, slots=True)
class End:
    """The end of a sentence, which may make it a question."""

    question: bool = False


Item = Word | Device | Parameter | Number | Choice | Particle | SwitchVerb | Cancel | Break | End


def words(text: str) -> frozenset[str]:
    """A set of words, written as one line of text."""
    return frozenset(text.split())
