"""Device actions in an assistant's words: which devices it speaks of and what it sets them to."""

from __future__ import annotations

from dataclasses import dataclass

from lab.metrics.parsing.grammar import read
from lab.metrics.parsing.items import Value


@dataclass(frozen=True, slots=True, order=True)
class Action:
    """One setting: the names and values of the data format, and `power` on | off for switching."""

    device: str
    parameter: str
    value: Value


def parse_actions(text: str) -> frozenset[Action]:
    """Give the settings that a text leaves the home in, at most one per device and parameter. Never fails."""
    return frozenset(Action(device, name, value) for (device, name), value in read(text).settings.items())


def devices_mentioned(text: str) -> frozenset[str]:
    """Give the devices a text speaks of, whether it sets them, asks about them or leaves them alone."""
    return frozenset(read(text).mentioned)


def numbers(text: str) -> frozenset[Action]:
    """Give the settings whose value is a number: temperature, fan speed, brightness and volumes."""
    return frozenset(action for action in parse_actions(text) if not isinstance(action.value, bool | str))
