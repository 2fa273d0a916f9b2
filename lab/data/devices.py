"""The smart home of the EdgeWisePersona data: contexts, devices, parameters and the values they may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONTEXT: Mapping[str, tuple[str, ...]] = {
    "time_of_day": ("morning", "afternoon", "evening", "night"),
    "day_of_week": ("weekday", "weekend"),
    "sun_phase": ("before_sunrise", "daylight", "after_sunset"),
    "weather": ("sunny", "cloudy", "rainy", "snowy"),
    "outdoor_temp": ("very cold", "cold", "mild", "warm", "hot"),
}

Domain = range | tuple[str, ...] | tuple[bool, bool]
PERCENT = range(101)

DEVICES: Mapping[str, Mapping[str, Domain]] = {
    "tv": {
        "volume": PERCENT,
        "brightness": PERCENT,
        "input_source": ("HDMI1", "HDMI2", "AV", "Netflix", "YouTube"),
    },
    "ac": {"temperature": range(16, 31), "mode": ("cool", "heat", "auto"), "fan_speed": range(4)},
    "lights": {
        "brightness": PERCENT,
        "color": ("warm", "cool", "neutral"),
        "mode": ("static", "dynamic"),
    },
    "speaker": {"volume": PERCENT, "equalizer": ("bass boost", "balanced", "treble boost")},
    "security": {"armed": (True, False), "alarm_volume": PERCENT},
}


def fits(value: Any, domain: Domain) -> bool:
    """Whether a JSON value is in the domain of a parameter; true is not 1 here, nor 22.0 a whole number."""
    if isinstance(domain, range):
        return type(value) is int and value in domain
    return any(type(value) is type(allowed) and value == allowed for allowed in domain)


def describe(domain: Domain) -> str:
    """The domain in words, for a sentence that asks for one of its values."""
    if isinstance(domain, range):
        return f"a whole number from {domain.start} to {domain.stop - 1}"
    return "one of " + ", ".join(
        str(value).lower() if value is True or value is False else str(value) for value in domain
    )
