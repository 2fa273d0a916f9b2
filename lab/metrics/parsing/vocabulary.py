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
        "ac, a/c, a.c., air con, aircon, air conditioning, air conditioner, thermostat, climate, "
        "climate control, heater, the heating, your heating, my heating, our heating, the heat, the cooling, hvac"
    ),
    "lights": (
        "lights, light, lamp, lamps, lighting, bulb, bulbs, living room lights, illumination, "
        "light level, light levels, lighting level"
    ),
    "speaker": ("speaker, speakers, music, audio, playlist, playlists, stereo, sound system, soundbar, tunes, hi fi"),
    "security": (
        "security, security system, alarm, alarms, alarm system, burglar alarm, home security, security alarm"
    ),
}

Pairs = tuple[tuple[str, str], ...]
"""A parameter on every device that has it; the first device is meant when no fitting one is in sight."""

_VOLUME: Pairs = (("speaker", "volume"), ("tv", "volume"), ("security", "alarm_volume"))
_BRIGHTNESS: Pairs = (("lights", "brightness"), ("tv", "brightness"))
_TEMPERATURE: Pairs = (("ac", "temperature"),)
_FAN: Pairs = (("ac", "fan_speed"),)
_ALARM: Pairs = (("security", "alarm_volume"),)
_COLOR: Pairs = (("lights", "color"),)
_EQUALIZER: Pairs = (("speaker", "equalizer"),)
_INPUT: Pairs = (("tv", "input_source"),)
_MODE: Pairs = (("ac", "mode"), ("lights", "mode"))
_NUMERIC = (_VOLUME, _BRIGHTNESS, _TEMPERATURE, _FAN, _ALARM)

_PARAMETER_PHRASES: dict[Pairs, str] = {
    _VOLUME: "volume, loudness, sound level, volume level, vol",
    _BRIGHTNESS: "brightness, brightness level, luminosity",
    _TEMPERATURE: "temperature, temp, target temperature",
    _FAN: "fan, fan speed, fan level, fan setting, blower",
    _ALARM: "alarm volume, siren volume, siren, alarm level, alarm volume level",
    _COLOR: "color, colour, color temperature, colour temperature",
    _EQUALIZER: "equalizer, equaliser, eq, sound profile",
    _INPUT: "input source",
}

# Words that help a value find its parameter but speak of no device by themselves: "movie mode", "safe and sound".
_HINTS: dict[Pairs, str] = {
    _VOLUME: "sound",
    _BRIGHTNESS: "bright, dim, dimming, dimmed, dims, brighten, brightening, brightened, brighter, dimmer",
    _TEMPERATURE: "target, set point, setpoint",
    _COLOR: "tone, hue, tint",
    _INPUT: "input",
    _MODE: "mode",
}

_FAN_WORDS = "{0} fan, fan {0}, fan on {0}, fan to {0}, fan speed {0}, fan speed to {0}"

_CHOICES: dict[tuple[str, str], dict[Value, str]] = {
    ("tv", "input_source"): {
        "HDMI1": "hdmi 1, hdmi port 1, hdmi input 1",
        "HDMI2": "hdmi 2, hdmi port 2, hdmi input 2",
        "AV": "av, av input",
        "Netflix": "netflix",
        "YouTube": "youtube, you tube",
    },
    ("ac", "mode"): {
        "cool": "cooling, cool mode, cooling mode",
        "heat": "heat, heating, heat mode, heating mode",
        "auto": "auto, automatic, auto mode, automatic mode",
    },
    ("ac", "fan_speed"): {
        0: "fan off, off the fan, fan is off",
        1: _FAN_WORDS.format("low"),
        2: _FAN_WORDS.format("medium"),
        3: _FAN_WORDS.format("high"),
    },
    ("lights", "color"): {
        "warm": "warm white, warm tone, warm tones, warm color, warm colour, warm light, warm glow",
        "cool": "cool white, cool tone, cool tones, cool color, cool colour, cool light, cold white",
        "neutral": "neutral, neutral white, neutral tone, neutral color, neutral colour, neutral light",
    },
    ("lights", "mode"): {"static": "static, static mode", "dynamic": "dynamic, dynamic mode"},
    ("speaker", "equalizer"): {
        "bass boost": "bass, bass boost, bass boosted, boosted bass, bass boosting, boost the bass",
        "treble boost": "treble, treble boost, treble boosted, boosted treble, treble boosting, boost the treble",
        "balanced": "balanced eq, balanced equalizer, balanced sound, balanced audio, balanced profile",
    },
    ("security", "armed"): {
        True: "armed, arm, arming, rearm, rearmed, re arm, re armed",
        False: "disarmed, disarm, disarming, unarmed, unarm",
    },
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
    Word("idiom"): (
        "not at all, cause for alarm, a fan of, big fan, this heat, that heat, in the heat, beat the heat, light rain, "
        "light snow, light breeze, light snack, light touch, light hand, light hearted, from now on, later on, so on, "
        "hold on, hang on, come on, going on"
    ),
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
        *((Parameter(of, of in _NUMERIC), phrases) for of, phrases in _PARAMETER_PHRASES.items()),
        *((Parameter(of, of in _NUMERIC, hint=True), phrases) for of, phrases in _HINTS.items()),
        *((Choice(((*of, value),)), phrases) for of, values in _CHOICES.items() for value, phrases in values.items()),
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
