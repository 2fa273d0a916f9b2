"""Device actions in an assistant's words: which devices it speaks of and what it sets them to.

The parser sees one message and no history, so a bare "volume 30" goes to the speaker, as the more usual device. It
takes an offer ("I can set the lights to 65") for a deed, and does not carry a parameter over a list of devices
("brightness: lights 40, TV 60").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lab.metrics.parsing.grammar import Reading, read
from lab.metrics.parsing.items import Value


@dataclass(frozen=True, slots=True, order=True)
class Action:
    """One setting: the names and values of the data format, and `power` on | off for switching."""

    device: str
    parameter: str
    value: Value


@lru_cache(maxsize=8)
def _reading(text: str) -> Reading:
    """One reading for all that is asked of the same text in a row; not to be changed."""
    return read(text)


def parse_actions(text: str) -> frozenset[Action]:
    """Give the settings that a text leaves the home in, at most one per device and parameter. Never fails."""
    return frozenset(Action(device, name, value) for (device, name), value in _reading(text).settings.items())


def devices_mentioned(text: str) -> frozenset[str]:
    """Give the devices a text speaks of, whether it sets them, asks about them or leaves them alone."""
    return frozenset(_reading(text).mentioned)


def numbers(text: str) -> frozenset[Action]:
    """Give the settings whose value is a number: temperature, fan speed, brightness and volumes."""
    return frozenset(action for action in parse_actions(text) if not isinstance(action.value, bool | str))
