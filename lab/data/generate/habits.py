"""What a generated persona wants of the home: preferences, routines, and how a routine drifts over the months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.data.devices import DEVICES
from lab.data.generate.dice import Dice
from lab.data.generate.person import Person, Taste
from lab.data.generate.tables import table
from lab.data.types import Value

Settings = dict[str, dict[str, Value]]
KIND = {"temperature": "temperature", "brightness": "brightness", "volume": "volume", "alarm_volume": "volume"}
"""Number parameters by what a person feels of them."""
MAIN = {"tv": "input_source", "ac": "temperature", "lights": "brightness", "speaker": "volume", "security": "armed"}
COLD = ("very cold", "cold")
HOT = ("hot", "warm")
MAX_SLOTS = 6
"""Routines take at most six of the eight pairs of time of day and kind of day; the rest stay spontaneous."""


@dataclass(slots=True)
class Routine:
    """Triggers and what they set off. `changes` hold settings from a session on: the drift."""

    occasion: Mapping[str, Any]
    name: str
    triggers: dict[str, str]
    actions: Settings
    changes: list[tuple[int, Settings]] = field(default_factory=list)

    def in_force(self, session: int) -> Settings:
        """The settings as they are in a session."""
        current = {device: dict(settings) for device, settings in self.actions.items()}
        for start, change in self.changes:
            if session >= start:
                for device, settings in change.items():
                    current[device] |= settings
        return current

    def slots(self) -> set[tuple[str, str]]:
        """The pairs of time of day and kind of day it lives in."""
        days = [self.triggers["day_of_week"]] if "day_of_week" in self.triggers else ["weekday", "weekend"]
        return {(self.triggers["time_of_day"], day) for day in days}

    def matches(self, meta: Mapping[str, str]) -> bool:
        """Whether a context sets it off."""
        return all(meta[key] == value for key, value in self.triggers.items())

    def record(self) -> dict[str, Any]:
        """The routine as the format writes it; `changes` is the lab's own key."""
        found: dict[str, Any] = {"triggers": self.triggers, "actions": self.actions, "name": self.name}
        if self.changes:
            found["changes"] = [{"from_session": start, "actions": change} for start, change in self.changes]
        return found


@dataclass(frozen=True, slots=True)
class Habits:
    """All that is right for one persona when the words leave it open."""

    preferences: dict[str, Settings]
    routines: tuple[Routine, ...]


def make_habits(person: Person, dice: Dice, temperatures: tuple[str, ...], weathers: tuple[str, ...]) -> Habits:
    """Preferences and three to five routines; triggers are taken from the climate's weather."""
    return Habits(_preferences(person.taste, dice), _routines(person, dice, temperatures, weathers))


def _preferences(taste: Taste, dice: Dice) -> dict[str, Settings]:
    """Settings by context value: what is wanted at a time of day, and what the weather changes."""
    found: dict[str, Settings] = {}
    equalizers = ("bass boost", "balanced", "treble boost")
    for time, bright, loud in (("morning", 75, 25), ("afternoon", 65, 30), ("evening", 42, 32), ("night", 18, 14)):
        found[time] = {
            "ac": {"temperature": _lean(dice, (19, 25), taste.warm, 1), "fan_speed": dice.between(0, 2)},
            "lights": {"brightness": _around(dice, bright, taste.bright, 22, taste), "color": _color(dice, bright)},
            "tv": {
                "input_source": dice.pick(("Netflix", "YouTube", "HDMI1", "HDMI2", "AV")),
                "volume": _around(dice, loud, taste.loud, 14, taste),
            },
            "speaker": {
                "volume": _around(dice, loud, taste.loud, 16, taste),
                "equalizer": dice.pick(equalizers),
            },
            "security": {"armed": time == "night", "alarm_volume": _around(dice, 60, taste.loud, 30, taste)},
        }
    for temperature in COLD:
        found[temperature] = {"ac": {"temperature": _lean(dice, (21, 26), taste.warm, 1), "mode": "heat"}}
    for temperature in HOT:
        found[temperature] = {
            "ac": {"temperature": _lean(dice, (17, 22), taste.warm, 1), "mode": "cool", "fan_speed": dice.between(1, 3)}
        }
    for weather, bright in (("rainy", 55), ("cloudy", 70), ("snowy", 45), ("sunny", 20)):
        found[weather] = {
            "lights": {
                "brightness": _around(dice, bright, taste.bright, 20, taste),
                "color": "cool" if weather == "sunny" else "warm",
            }
        }
    return found


def _color(dice: Dice, bright: int) -> str:
    return dice.pick(("cool", "neutral") if bright > 60 else ("warm", "warm", "neutral"))


def _lean(dice: Dice, bounds: tuple[int, int], leaning: int, grain: int) -> int:
    """A number between bounds: where the leaning (percent) puts it, give or take, in multiples of the grain."""
    low, high = bounds
    middle = low + (high - low) * leaning // 100
    spread = max((high - low) // 4, 1)
    number = middle + dice.between(-spread, spread)
    return min(max(number // grain * grain, low), high)


def _around(dice: Dice, middle: int, leaning: int, reach: int, taste: Taste) -> int:
    return _lean(dice, (max(middle - reach, 5), min(middle + reach, 100)), leaning, taste.grain)


def _routines(
    person: Person, dice: Dice, temperatures: tuple[str, ...], weathers: tuple[str, ...]
) -> tuple[Routine, ...]:
    occasions = [one for one in table("occasions")["occasion"] if person.has_kids or not one.get("kids")]
    wanted = dice.pick((3, 4, 4, 4, 5))
    taken: set[tuple[str, str]] = set()
    routines: list[Routine] = []
    for occasion in dice.shuffled(occasions):
        # The second and the fourth routine wait for weather, so that every persona has one and two that do not.
        weather = (temperatures, weathers) if len(routines) in (1, 3) else None
        routine = _routine(person, occasion, dice, weather)
        slots = routine.slots()
        if slots & taken or len(slots | taken) > MAX_SLOTS:
            continue
        taken |= slots
        routines.append(routine)
        if len(routines) == wanted:
            break
    return tuple(routines)


def _routine(
    person: Person, occasion: Mapping[str, Any], dice: Dice, weather: tuple[tuple[str, ...], tuple[str, ...]] | None
) -> Routine:
    time = dice.pick(occasion["times"])
    triggers = {"time_of_day": time}
    if "days" in occasion or dice.chance(70):
        triggers["day_of_week"] = dice.pick(occasion.get("days", ("weekday", "weekday", "weekend")))
    if time in ("afternoon", "night") and dice.chance(35):
        triggers["sun_phase"] = "daylight" if time == "afternoon" else "after_sunset"
    if weather is not None:
        key, values = ("outdoor_temp", weather[0]) if dice.chance(50) else ("weather", weather[1])
        # The sun may be down in the evening and is at night.
        triggers[key] = dice.pick([value for value in values if value != "sunny" or time == "afternoon"])
    actions = _actions(person.taste, occasion["devices"], dice)
    _suit_weather(actions, triggers.get("outdoor_temp", ""), person.taste, dice)
    return Routine(occasion, dice.pick(occasion["names"]), triggers, actions)


def _actions(taste: Taste, devices: Mapping[str, Mapping[str, Any]], dice: Dice) -> Settings:
    """Two to four devices of the occasion with the persona's own values."""
    chosen = dice.some(list(devices), dice.pick((2, 2, 3, 3, 4)))
    return {device: _settings(taste, device, devices[device], dice) for device in DEVICES if device in chosen}


def _settings(taste: Taste, device: str, domains: Mapping[str, Any], dice: Dice) -> dict[str, Value]:
    """The main parameter always, the others now and then."""
    main = MAIN[device] if MAIN[device] in domains else next(iter(domains))
    return {
        name: _value(taste, name, domain, dice) for name, domain in domains.items() if name == main or dice.chance(45)
    }


def _value(taste: Taste, name: str, domain: Any, dice: Dice) -> Value:
    if isinstance(domain[0], str | bool):
        chosen: Value = dice.pick(domain)
        return chosen
    leaning = {"temperature": taste.warm, "brightness": taste.bright}.get(name, taste.loud)
    grain = 1 if name in ("temperature", "fan_speed") else taste.grain
    return _lean(dice, (domain[0], domain[1]), leaning, grain)


def _suit_weather(actions: Settings, temperature: str, taste: Taste, dice: Dice) -> None:
    """In the cold the AC heats and in the heat it cools, whatever the occasion says."""
    if "ac" not in actions or temperature not in (*COLD, *HOT):
        return
    bounds, mode = ((20, 25), "heat") if temperature in COLD else ((17, 22), "cool")
    actions["ac"] |= {"temperature": _lean(dice, bounds, taste.warm, 1), "mode": mode}


def drift(routine: Routine, session: int, dice: Dice) -> Settings | None:
    """A lasting change of mind about one number of a routine, or None where it has no number to change."""
    current = routine.in_force(session)
    numbers = [(device, name) for device, settings in current.items() for name in settings if name in KIND]
    if not numbers:
        return None
    device, name = dice.pick(numbers)
    old = current[device][name]
    domain = DEVICES[device][name]
    assert isinstance(old, int)
    assert isinstance(domain, range)
    size = dice.between(2, 3) if name == "temperature" else dice.pick((10, 15, 20, 25))
    new = old + size if dice.chance(50) else old - size
    if new not in domain:
        new = old - size if new > old else old + size
    return {device: {name: new}}
