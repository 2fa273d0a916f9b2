"""Days, hours, seasons and weather: contexts that belong to a place and a date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.data.devices import CONTEXT
from lab.data.generate.dice import Dice

TEMPERATURES = CONTEXT["outdoor_temp"]
START = datetime(2025, 1, 3, tzinfo=UTC)

# The usual temperature of each month, January first, as a position in TEMPERATURES, for the northern half.
CLIMATES: Mapping[str, str] = {
    "nordic": "001122332110",
    "continental": "001223443211",
    "maritime": "111222332211",
    "mediterranean": "112223443322",
    "subtropical": "222334444332",
    "tropical": "344444443344",
}
# First and last hour of daylight in each month, January first.
SUNRISE = (8, 7, 7, 6, 5, 5, 5, 6, 6, 7, 7, 8)
SUNSET = (16, 17, 18, 20, 21, 22, 21, 20, 19, 18, 17, 16)
HOURS: Mapping[str, tuple[int, int]] = {
    "morning": (6, 10),
    "afternoon": (12, 15),
    "evening": (17, 21),
    "night": (22, 23),
}


class Place:
    """Weather and daylight of one city."""

    def __init__(self, city: Mapping[str, Any]) -> None:
        self.climate: str = city["climate"]
        self.shift = 6 if city.get("south") else 0

    def month(self, day: datetime) -> int:
        """The month as a position in the tables above, turned round in the south."""
        return (day.month - 1 + self.shift) % 12

    def temperatures(self, day: datetime) -> tuple[str, ...]:
        """What the season allows, the usual first."""
        usual = int(CLIMATES[self.climate][self.month(day)])
        around = (usual, usual - 1, usual + 1)
        return tuple(TEMPERATURES[i] for i in around if 0 <= i < len(TEMPERATURES))

    def weathers(self, temperature: str, daylight: bool) -> tuple[str, ...]:
        """What can fall from the sky at a temperature; the sun shines by day only."""
        can_snow = temperature in ("very cold", "cold") and self.climate in ("nordic", "continental", "maritime")
        sky = ("cloudy", "rainy") if temperature != "very cold" else ("cloudy",)
        return (*sky, *(("snowy",) if can_snow else ()), *(("sunny",) if daylight else ()))

    def spring(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Temperatures and weathers common enough in the first half of a year to hang a routine on."""
        months = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 7)]
        common = {self.temperatures(month)[0] for month in months} - {"mild"}
        return tuple(t for t in TEMPERATURES if t in common) or ("mild",), ("rainy", "cloudy", "sunny")

    def sun_phase(self, moment: datetime) -> str:
        """Where the sun is."""
        month = self.month(moment)
        rise, fall = (6, 18) if self.climate == "tropical" else (SUNRISE[month], SUNSET[month])
        if moment.hour < rise:
            return "before_sunrise"
        return "daylight" if moment.hour < fall else "after_sunset"


def next_day(before: datetime, day_of_week: str) -> datetime:
    """The first day from `before` on that is a weekday or a weekend, as asked."""
    day = before
    while (day.weekday() >= 5) != (day_of_week == "weekend"):
        day += timedelta(days=1)
    return day


def moment_at(day: datetime, time_of_day: str, dice: Dice) -> datetime:
    """A minute of that day in that part of it."""
    low, high = HOURS[time_of_day]
    return day.replace(hour=dice.between(low, high), minute=dice.below(60), second=dice.below(60))


def context_at(
    place: Place, moment: datetime, time_of_day: str, triggers: Mapping[str, str], dice: Dice
) -> dict[str, str]:
    """A context for the moment: what the triggers ask for, and what season and hour allow for the rest."""
    sun_phase = place.sun_phase(moment)
    wanted = triggers.get("weather")
    allowed = [t for t in place.temperatures(moment) if wanted is None or wanted in place.weathers(t, daylight=True)]
    allowed = allowed or list(place.temperatures(moment))
    temperature = triggers.get("outdoor_temp") or allowed[dice.weighted((5, 2, 2)[: len(allowed)])]
    weather = wanted or dice.pick(place.weathers(temperature, sun_phase == "daylight"))
    return {
        "time_of_day": time_of_day,
        "day_of_week": "weekend" if moment.weekday() >= 5 else "weekday",
        "sun_phase": sun_phase,
        "weather": weather,
        "outdoor_temp": temperature,
    }


def allows(place: Place, day: datetime, triggers: Mapping[str, str]) -> bool:
    """Whether the season can give what the triggers ask for."""
    wanted = triggers.get("outdoor_temp")
    temperatures = place.temperatures(day)
    if wanted is not None and wanted not in temperatures:
        return False
    weather = triggers.get("weather")
    return weather is None or any(weather in place.weathers(t, True) for t in ([wanted] if wanted else temperatures))
