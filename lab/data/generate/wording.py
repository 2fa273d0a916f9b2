"""Device settings put into words, for one speaker: as a deed, a wish, a report or a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from lab.data.generate.habits import KIND, Settings
from lab.data.generate.numerals import spell
from lab.data.generate.person import Person
from lab.data.generate.tables import table
from lab.data.generate.voice import Voice
from lab.data.types import Value

Tense = Literal["do", "did", "ing"]
ORDER: Mapping[str, tuple[str, ...]] = {
    "ac": ("temperature", "mode", "fan_speed"),
    "lights": ("brightness", "color", "mode"),
    "tv": ("input_source", "volume", "brightness"),
    "speaker": ("volume", "equalizer"),
    "security": ("armed", "alarm_volume"),
}
OPEN: Mapping[Tense, str] = {"do": "open", "ing": "open_ing"}
PLURALS = ("lights", "lamps", "speakers")
VERBS: Mapping[str, tuple[str, str, str]] = {
    "set": ("set", "set", "setting"),
    "put": ("put", "put", "putting"),
    "bring": ("bring", "brought", "bringing"),
    "switch": ("switch", "switched", "switching"),
    "dim": ("dim", "dimmed", "dimming"),
    "turn": ("turn", "turned", "turning"),
    "arm": ("arm", "armed", "arming"),
    "disarm": ("disarm", "disarmed", "disarming"),
}


class Wording:
    """One speaker's words for devices and values."""

    def __init__(
        self, person: Person, speaker: Literal["user", "assistant"], voice: Voice, mirrors: Voice | None = None
    ) -> None:
        self.person = person
        self.speaker = speaker
        self.voice = voice
        self.naming = mirrors or voice  # the assistant takes up the user's names for devices
        self.table = table("wording")

    # -- names and values ------------------------------------------------------------------------------------------

    def noun(self, device: str) -> str:
        """The speaker's name for a device, nearly always the same one."""
        names = self.naming.favourites(self.table["names"][self.speaker][device], 2)
        return names[0 if self.voice.dice.chance(80) else -1].replace("{room}", self.person.room)

    def the(self, device: str) -> str:
        """The device with its article."""
        return f"the {self.noun(device)}"

    def number(self, value: int) -> str:
        """A whole number in digits, or in words where the speaker writes them so."""
        return spell(value) if self.speaker == "user" and self.person.spells_numbers else str(value)

    def value(self, name: str, value: Value) -> str:
        """One value as the speaker gives it."""
        if name == "input_source":
            return str(value).replace("HDMI", self.voice.favourites(("HDMI ", "HDMI"), 1)[0])
        if not isinstance(value, int):
            return str(value)
        said = self.number(value)
        bare = self.speaker == "user" and not self.person.says_units
        if name == "temperature":
            return said + ("" if bare else self.voice.favourites(self._degrees(), 1)[0])
        if name == "brightness":
            return said + self.voice.favourites(self._percent(), 1)[0]
        return said

    def _degrees(self) -> Sequence[str]:
        return (" degrees",) if self.person.spells_numbers else (" degrees", "°C", "°")

    def _percent(self) -> Sequence[str]:
        return (" percent",) if self.person.spells_numbers else ("%", " percent", "%")

    def lead(self, name: str, device: str, value: Value) -> str:
        """One value as it follows "make it": "22 degrees", "TV volume 30"."""
        owner = {"tv": f"{self.noun('tv')} ", "security": "alarm volume "}.get(device, "")
        return owner + self._phrase(device, name, "lead", value)

    def _phrase(self, device: str, name: str, form: str, value: Value) -> str:
        forms = self.table["phrases"][device][name]
        pattern = self.voice.choose(forms.get(form) or forms["tail"])
        slot = {"temperature": "{temp}", "brightness": "{pct}"}.get(name, "{v}")
        return pattern.replace(slot, self.value(name, value))

    # -- one device ------------------------------------------------------------------------------------------------

    def _parts(self, device: str, settings: Mapping[str, Value], first: str, rest: str) -> list[str]:
        """The parameters of a device in their usual order; `armed` is a verb or an adjective elsewhere."""
        names = [name for name in ORDER[device] if name in settings and name != "armed"]
        parts = [self._phrase(device, n, rest if i else first, settings[n]) for i, n in enumerate(names)]
        twice = len(parts) > 1 and parts[-2].startswith("with ") and parts[-1].startswith("with ")
        return [*parts[:-1], "and " + parts[-1].removeprefix("with ")] if twice else parts

    def _np(self, device: str, settings: Mapping[str, Value]) -> str:
        """What is set: the device, or the alarm's volume where nothing else of it is set."""
        return "the alarm volume" if set(settings) == {"alarm_volume"} else self.the(device)

    def verb_phrase(self, device: str, settings: Mapping[str, Value], tense: Tense) -> str:
        """ "set the AC to 22 degrees in heat mode", "armed the alarm", "switching the TV to Netflix"."""
        form = ("do", "did", "ing").index(tense)
        if "armed" in settings:
            verb = VERBS["arm" if settings["armed"] else "disarm"][form]
            return " ".join([verb, self.the(device), *self._parts(device, settings, "tail", "tail")])
        verb = self.voice.choose(self._verbs(device, settings))
        lead = self._parts(device, settings, "is" if verb == "put" else "lead", "tail")
        to = () if verb == "put" else ("to",)
        return " ".join([VERBS[verb][form], self._np(device, settings), *to, *lead])

    def _verbs(self, device: str, settings: Mapping[str, Value]) -> tuple[str, ...]:
        """Verbs that suit what is set."""
        brightness = settings.get("brightness")
        if device == "lights" and isinstance(brightness, int):
            return ("set", "dim", "bring") if brightness <= 35 else ("set", "bring")
        if device == "tv" and "input_source" in settings:
            return ("set", "switch", "put")
        if device == "ac" and "temperature" in settings:
            return ("set", "bring", "put")
        return ("set",)

    def move_phrase(self, device: str, name: str, value: int, up: bool, tense: Tense) -> str:
        """ "turned the AC up to 23 degrees"."""
        verb = VERBS[self.voice.choose(("turn", "bring"))][("do", "did", "ing").index(tense)]
        return f"{verb} {self.the(device)} {'up' if up else 'down'} to {self._phrase(device, name, 'lead', value)}"

    def _report(self, device: str, settings: Mapping[str, Value], copula: bool) -> str:
        """ "the lights are at 30% on warm white"; without the copula it can follow "I'd like"."""
        noun = self._np(device, settings)
        be = ("are" if set(noun.split()) & set(PLURALS) else "is",) if copula else ()
        if settings.keys() == {"alarm_volume"}:
            return " ".join([noun, *be, "at", self.value("alarm_volume", settings["alarm_volume"])])
        state = () if "armed" not in settings else ("armed" if settings["armed"] else "disarmed",)
        return " ".join([noun, *be, *state, *self._parts(device, settings, "tail" if state else "is", "tail")])

    def _entry(self, device: str, settings: Mapping[str, Value]) -> str:
        """ "AC 22 degrees, heat mode"."""
        if settings.keys() == {"alarm_volume"}:
            return f"alarm volume {self.value('alarm_volume', settings['alarm_volume'])}"
        state = [] if "armed" not in settings else ["armed" if settings["armed"] else "disarmed"]
        return f"{self.noun(device)} {', '.join([*state, *self._parts(device, settings, 'bare', 'bare')])}"

    # -- several devices -------------------------------------------------------------------------------------------

    def deed(self, actions: Settings, tense: Tense) -> str:
        """All of it as one verb phrase; a device without settings is just turned on, as users say it."""
        plain = all(settings and "armed" not in settings for settings in actions.values())
        phrases = [self.verb_phrase(d, s, tense) if s else self._open(d, OPEN[tense]) for d, s in actions.items()]
        monotonous = len({phrase.split()[0] for phrase in phrases}) == 1
        if plain and len(actions) > 1 and (monotonous or self.voice.dice.chance(40)):
            verb = VERBS["set"][("do", "did", "ing").index(tense)]
            return f"{verb} {self.join([self._to(d, s) for d, s in actions.items()])}"
        return self.join(phrases)

    def _to(self, device: str, settings: Mapping[str, Value]) -> str:
        return f"{self._np(device, settings)} to {' '.join(self._parts(device, settings, 'lead', 'tail'))}"

    def wish(self, actions: Settings) -> str:
        """All of it as something one can want: "the AC at 22 degrees and the lights on"."""
        return self.join(
            [self._report(d, s, copula=False) if s else self._open(d, "open_want") for d, s in actions.items()]
        )

    def state(self, actions: Settings) -> str:
        """All of it as a report; after the first device the verb may be left out."""
        short = self.voice.dice.chance(60)
        return self.join([self._report(d, s, copula=i == 0 or not short) for i, (d, s) in enumerate(actions.items())])

    def listing(self, actions: Settings) -> str:
        """All of it as a bare list."""
        entries = [self._entry(d, s) if s else self._open(d, "open_list") for d, s in actions.items()]
        return ("; " if any(", " in entry for entry in entries) else ", ").join(entries)

    def _open(self, device: str, form: str) -> str:
        """The device without numbers, as the user asks for it."""
        pattern: str = self.voice.choose(self.table[form][device])
        return pattern.replace(f"{{{device}}}", self.noun(device))

    def join(self, parts: Sequence[str]) -> str:
        """ "a", "a and b", "a, b and c"; the comma before "and" is the speaker's habit."""
        if len(parts) < 2:
            return "".join(parts)
        comma = self.voice.favourites((",", ""), 1)[0] if len(parts) > 2 else ""
        return f"{', '.join(parts[:-1])}{comma} and {parts[-1]}"

    # -- changes ---------------------------------------------------------------------------------------------------

    def more(self, device: str, name: str, up: bool, deed: bool) -> str:
        """ "a touch warmer", or as a deed "turn the AC up a touch"."""
        key = ("do_" if deed else "") + ("up" if up else "down")
        pattern: str = self.voice.choose(self.table["more"][KIND[name]][key])
        bit = self.voice.choose(self.voice.favourites(self.table["bits"]["small"], 3))
        return pattern.replace("{bit}", bit).replace("{np}", self.the(device))

    def asked(self, name: str) -> str:
        """ "what temperature"."""
        return self.voice.choose(self.table["asked"][name])

    def is_the(self, device: str) -> str:
        """ "is the AC", "are the lights"."""
        noun = self.the(device)
        return f"{'are' if set(noun.split()) & set(PLURALS) else 'is'} {noun}"
