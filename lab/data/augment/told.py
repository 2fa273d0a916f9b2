"""What a text tells a home to do, however it is phrased: its devices, parameters, values, directions and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.data.types import Message, Value
from lab.metrics.actions import Action, devices_mentioned, parse_actions
from lab.metrics.parsing.items import Choice, Number, Parameter, Particle, Word, words
from lab.metrics.parsing.scan import sentences

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_TAG = re.compile(r"\w+n't (?:it|you|we|they|he|she|i|there|that)\s*\?")  # "isn't it?"
_NOT = words("not never cannot without")
_UP = words("up warmer hotter higher louder brighter more raise increase brighten")
_DOWN = words("down cooler colder lower quieter dimmer softer less reduce decrease dim")


@dataclass(frozen=True, slots=True)
class Told:
    """What must be the same in two texts that ask for the same.

    `numbers` are all of them, times and counts too, sorted and with repetitions; `values` are words such as
    "Netflix", "cool" or "off"; `directions` are "up" and "down"; `negated` is a text with "not" in it.
    """

    devices: frozenset[str]
    parameters: frozenset[str]
    values: frozenset[str]
    directions: frozenset[str]
    numbers: tuple[str, ...]
    negated: bool


def told(text: str) -> Told:
    """Read a text, whether it asks, orders or reports: `lab.metrics.actions` hears settings only, no questions."""
    parameters, values, numbers = set(), set(), []
    for items, _ in sentences(text):
        for item in items:
            if isinstance(item, Number):
                numbers.append(written(item.value))
            elif isinstance(item, Word) and item.text[:1].isdigit():
                numbers.append(item.text)
            elif isinstance(item, Choice):
                values.add(written(item.options[0][2]))
            elif isinstance(item, Parameter) and not item.hint:
                parameters.add(item.of[0][1])
            elif isinstance(item, Particle) and not item.on:  # "on" is a preposition more often than not
                values.add("off")
    spoken = set(_WORD.findall(_TAG.sub(" ", text.lower().replace("’", "'"))))
    directions = {name for name, known in (("up", _UP), ("down", _DOWN)) if spoken & known}
    return Told(
        devices_mentioned(text),
        frozenset(parameters),
        frozenset(values),
        frozenset(directions),
        tuple(sorted(numbers)),
        any(word in _NOT or word.endswith("n't") for word in spoken),
    )


def written(value: Value) -> str:
    """A value as `Told` holds it: 22 and 22.0 are the same."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def settings_of(message: Message) -> list[Action]:
    """What an assistant message sets: as the data say, or else as its text does."""
    if message.role != "assistant":
        return []
    if message.actions is None:
        return sorted(parse_actions(message.content), key=str)
    return [Action(device, name, value) for device, set_ in message.actions.items() for name, value in set_.items()]
