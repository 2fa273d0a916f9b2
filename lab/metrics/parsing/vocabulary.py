"""The words in which an assistant speaks of the five devices: phrases and the items they mean.

Phrases are written as the scanner leaves them: lower case, hyphens as spaces, numbers as digits.
"""

from __future__ import annotations

from lab.metrics.parsing.items import (
    Break,
    Cancel,
    Choice,
    Device,
    End,
    Item,
    Number,
    Parameter,
    Particle,
    SwitchVerb,
    Value,
    Word,
)

DEFAULT_NUMBER = {
    "tv": "volume",
    "ac": "temperature",
    "lights": "brightness",
    "speaker": "volume",
    "security": "alarm_volume",
}
"""The parameter that a bare number sets: "the AC to 22", "lights at 50"."""

_DEVICE_PHRASES = {
    "tv": "tv, tvs, t.v., television, televisions, telly, tele, screen",
    "ac": (
        "ac, a/c, a.c., air con, aircon, air conditioning, air conditioner, conditioner, thermostat, climate, "
        "climate control, heater, the heating, your heating, my heating, our heating, the heat, the cooling, hvac"
    ),
    "lights": (
        "lights, light, lamp, lamps, lighting, bulb, bulbs, living room lights, illumination, "
        "light level, light levels, lighting level"
    ),
    "speaker": (
        "speaker, speakers, music, audio, playlist, playlists, stereo, sound system, soundbar, tunes, song, "
        "songs, hi fi"
    ),
    "security": (
        "security, security system, alarm, alarms, alarm system, burglar alarm, home security, security alarm"
    ),
}

_VOLUME = (("speaker", "volume"), ("tv", "volume"), ("security", "alarm_volume"))
_BRIGHTNESS = (("lights", "brightness"), ("tv", "brightness"))

# The first device listed for a parameter is meant when no fitting device is in sight.
_NUMERIC_PARAMETERS: dict[tuple[tuple[str, str], ...], str] = {
    _VOLUME: "volume, loudness, sound level, volume level, vol, sound",
    _BRIGHTNESS: "brightness, brightness level, bright, luminosity",
    (("ac", "temperature"),): "temperature, temp, target temperature",
    (("ac", "fan_speed"),): "fan, fan speed, fan level, fan setting, blower",
    (("security", "alarm_volume"),): "alarm volume, siren volume, siren, alarm level, alarm volume level",
}

_NAMED_PARAMETERS: dict[tuple[tuple[str, str], ...], str] = {
    (("lights", "color"),): "color, colour, tone, hue, color temperature, colour temperature, tint",
    (("speaker", "equalizer"),): "equalizer, equaliser, eq, sound profile",
    (("tv", "input_source"),): "input, input source",
    (("ac", "mode"), ("lights", "mode")): "mode",
}

_HINTS: dict[tuple[tuple[str, str], ...], str] = {
    _BRIGHTNESS: "dim, dimming, dimmed, dims, brighten, brightening, brightened, brighter, dimmer",
}

_CHOICES: dict[tuple[str, str, Value], str] = {
    ("tv", "input_source", "HDMI1"): "hdmi 1, hdmi port 1, hdmi input 1",
    ("tv", "input_source", "HDMI2"): "hdmi 2, hdmi port 2, hdmi input 2",
    ("tv", "input_source", "AV"): "av, av input",
    ("tv", "input_source", "Netflix"): "netflix",
    ("tv", "input_source", "YouTube"): "youtube, you tube",
    ("ac", "mode", "cool"): "cooling, cool mode, cooling mode",
    ("ac", "mode", "heat"): "heat, heating, heat mode, heating mode",
    ("ac", "mode", "auto"): "auto, automatic, auto mode, automatic mode",
    ("ac", "fan_speed", 0): "fan off, off the fan, fan is off",
    ("ac", "fan_speed", 1): "low fan, fan low, fan on low, fan to low, fan speed low, fan speed to low",
    (
        "ac",
        "fan_speed",
        2,
    ): "medium fan, fan medium, fan on medium, fan to medium, fan speed medium, fan speed to medium",
    ("ac", "fan_speed", 3): "high fan, fan high, fan on high, fan to high, fan speed high, fan speed to high",
    ("lights", "color", "warm"): "warm white, warm tone, warm tones, warm color, warm colour, warm light, warm glow",
    ("lights", "color", "cool"): "cool white, cool tone, cool tones, cool color, cool colour, cool light, cold white",
    (
        "lights",
        "color",
        "neutral",
    ): "neutral, neutral white, neutral tone, neutral color, neutral colour, neutral light",
    ("lights", "mode", "static"): "static, static mode",
    ("lights", "mode", "dynamic"): "dynamic, dynamic mode",
    ("speaker", "equalizer", "bass boost"): (
        "bass boost, bass boosted, boosted bass, bass boosting, boost the bass, boosting the bass, boosted the bass, "
        "bass"
    ),
    ("speaker", "equalizer", "treble boost"): (
        "treble boost, treble boosted, boosted treble, treble boosting, boost the treble, boosting the treble, "
        "boosted the treble, treble"
    ),
    (
        "speaker",
        "equalizer",
        "balanced",
    ): "balanced eq, balanced equalizer, balanced sound, balanced audio, balanced profile",
    ("security", "armed", True): "armed, arm, arming, arms, rearm, rearmed, re arm, re armed",
    ("security", "armed", False): "disarmed, disarm, disarming, disarms, unarmed, unarm",
}

COOL = Choice((("ac", "mode", "cool"), ("lights", "color", "cool")), everyday=True)

_EVERYDAY: dict[Item, str] = {
    Choice((("lights", "color", "warm"),), everyday=True): "warm",
    COOL: "cool",
    Choice((("speaker", "equalizer", "balanced"),), everyday=True): "balanced",
    Choice((("tv", "volume", 0), ("speaker", "volume", 0)), everyday=True): "mute, muted, muting",
}

_VAGUE: dict[int, str] = {
    100: "full, maximum, max, full blast, all the way up",
    50: "half, halfway",
    25: "a quarter",
}

_GRAMMAR: dict[Item, str] = {
    Particle(on=True): "on",
    Particle(on=False): "off",
    SwitchVerb(): (
        "turn, turns, turned, turning, switch, switches, switched, switching, power, powers, powered, powering, "
        "shut, shuts, shutting, flip, flipped, flipping, flick, flicked, flicking, put, puts, putting"
    ),
    Cancel("value"): "not, instead of, rather than, in place of, as opposed to",
    Cancel("clause"): (
        "won't, can't, cannot, don't, didn't, couldn't, wouldn't, haven't, hasn't, isn't, aren't, wasn't, shouldn't, "
        "never, without, unable, if, unless, between"
    ),
    Word("also"): "not only, not just",
    Word("idiom"): "not at all, cause for alarm",
    Word("time"): (
        "half an, half hour, half past, quarter past, quarter to, a quarter past, a quarter to, a quarter of an hour"
    ),
    Break(clause=True, joins=False): "but, so, then, while, i'll, i've, i'm, we'll",
    Break(clause=False, joins=True): "and, plus, &, +, /, |",
    Break(clause=False, joins=False): "with, or",
}

_PUNCTUATION: dict[str, Item] = {
    ",": Break(clause=True, joins=True),
    "(": Break(clause=True, joins=False),
    ")": Break(clause=True, joins=False),
    ".": End(),
    ";": End(),
    "!": End(),
    "\n": End(),
    "?": End(question=True),
}


def _phrases() -> dict[str, list[tuple[tuple[str, ...], Item]]]:
    """Every phrase and its item, by the phrase's first word, longest phrase first."""
    tables: list[tuple[Item, str]] = [
        *((Device(name), phrases) for name, phrases in _DEVICE_PHRASES.items()),
        *((Parameter(of, numeric=True), phrases) for of, phrases in _NUMERIC_PARAMETERS.items()),
        *((Parameter(of, numeric=False), phrases) for of, phrases in _NAMED_PARAMETERS.items()),
        *((Parameter(of, numeric=True, hint=True), phrases) for of, phrases in _HINTS.items()),
        *((Choice((option,)), phrases) for option, phrases in _CHOICES.items()),
        *_EVERYDAY.items(),
        *((Number(value, "percent", vague=True), phrases) for value, phrases in _VAGUE.items()),
        *_GRAMMAR.items(),
    ]
    found: dict[str, list[tuple[tuple[str, ...], Item]]] = {}
    for item, phrases in tables:
        for phrase in phrases.split(", "):
            words = tuple(phrase.split())
            found.setdefault(words[0], []).append((words, item))
    for mark, item in _PUNCTUATION.items():
        found[mark] = [((mark,), item)]
    for entries in found.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return found


PHRASES = _phrases()
