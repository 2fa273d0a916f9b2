"""What a user wants in one session: the devices, what is said of them outright, and what is right for the rest.

Whatever the user leaves open is decided by the routine in force, else by the persona's preferences for this
weather, else by those for this time of day. The context and the persona's past tell which; the words do not.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.data.devices import DEVICES
from lab.data.generate.dice import Dice
from lab.data.generate.habits import KIND, Habits, Settings
from lab.data.generate.person import Taste
from lab.data.generate.plan import Session
from lab.data.types import Value

Spot = tuple[str, str]
"""A device and one of its parameters."""
COMFORT = ("ac", "lights", "speaker", "tv")
"""Devices anybody may want at any time."""


class Wishes:
    """The wishes of one persona in one session; `right` holds the settings of the routine in force."""

    def __init__(self, taste: Taste, habits: Habits, session: Session, weather: str, dice: Dice) -> None:
        self.taste = taste
        self.session = session
        self.dice = dice
        self.routine = habits.routines[session.routine] if session.routine is not None else None
        self.right = self.routine.in_force(session.index) if self.routine else {}
        self._weather = habits.preferences.get(weather, {})
        self._time = habits.preferences[session.meta["time_of_day"]]

    def resolve(self, device: str) -> dict[str, Value]:
        """The settings of a device when the user leaves them open."""
        return dict(self.right.get(device) or self._weather.get(device) or self._time[device])

    def request(self, act: str) -> Settings:
        """The devices asked for and, of their parameters, those the user names."""
        full = {device: self.resolve(device) for device in self._devices(act)}
        if act == "ask":
            outright, partly = (18, 18) if self.routine else (55, 25)
            draw = self.dice.below(100)
            if draw < outright:
                return full if self.routine else {device: self.whim(device) for device in full}
            if draw < outright + partly:
                return {device: self._part(settings) for device, settings in full.items()}
        return {device: _switch_only(device, settings) for device, settings in full.items()}

    def _devices(self, act: str) -> list[str]:
        """Which devices the session is about, in a random order."""
        if act == "context" and self.routine is None:
            return list(self._weather) or ["lights"]
        count = {"simple": 1, "multi-device": self.dice.pick((2, 2, 3))}
        own = list(self.right) or list(COMFORT)
        return self.dice.some(own, count.get(self.session.task_type, self.dice.pick((1, 2, 2))))

    def whim(self, device: str) -> dict[str, Value]:
        """What the user says outright, today: one or two parameters, the number near the usual one."""
        part = self._part(self.resolve(device))
        return {name: self.near(device, name, value) for name, value in part.items()}

    def near(self, device: str, name: str, value: Value) -> Value:
        """A number near the usual one, or the value itself where it is no number a person feels."""
        if name not in KIND or not isinstance(value, int):
            return value
        reach = 3 if name == "temperature" else 4 * self.taste.grain
        return clamp(device, name, value + self.dice.between(-1, 1) * self.dice.between(1, reach))

    def _part(self, full: Mapping[str, Value]) -> dict[str, Value]:
        """The main parameter of a device, and at times one more."""
        names = list(full)
        kept = names[:1] + [name for name in names[1:2] if self.dice.chance(35)]
        return {name: full[name] for name in kept}

    def whole(self, request: Settings) -> Settings:
        """What a request means that names no device: the whole routine, else what the session is about."""
        return {device: dict(settings) for device, settings in self.right.items()} or {
            device: self.resolve(device) for device in request
        }

    def complete(self, device: str, said: Mapping[str, Value]) -> dict[str, Value]:
        """What the user said of a device, and the rest from the routine, or all of it where nothing was said."""
        if device in self.right or not any(name != "armed" for name in said):
            return self.resolve(device) | dict(said)
        return dict(said)

    def other(self, device: str, name: str, value: Value) -> int:
        """Another number not far from the value, such as a person might have meant instead."""
        assert isinstance(value, int)
        size = self.dice.between(1, 3) if name == "temperature" else self.dice.pick((5, 10, 10, 15, 20))
        up, down = clamp(device, name, value + size), clamp(device, name, value - size)
        return up if down == value or (up != value and self.dice.chance(50)) else down


def numbers(settings: Settings) -> list[Spot]:
    """Where there are numbers that a person feels."""
    return [(device, name) for device, inner in settings.items() for name in inner if name in KIND]


def span(device: str, name: str) -> range:
    """The whole numbers a parameter may take."""
    domain = DEVICES[device][name]
    assert isinstance(domain, range)
    return domain


def clamp(device: str, name: str, value: int) -> int:
    """The value, or the nearest the parameter may take."""
    bounds = span(device, name)
    return min(max(value, bounds.start), bounds.stop - 1)


def _switch_only(device: str, full: Mapping[str, Value]) -> dict[str, Value]:
    """What is said of a device whose numbers are left open: nothing, but that an alarm is armed or disarmed."""
    return {"armed": full["armed"]} if device == "security" and "armed" in full else {}
