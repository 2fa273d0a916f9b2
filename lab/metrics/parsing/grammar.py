"""How an assistant's sentences set devices: a small deterministic grammar over segments.

A text is read like a log of settings, a later setting of a parameter replacing an earlier one, so that
"20, sorry, 22" leaves 22. In a segment each value looks for its parameter ("volume 30", "30 volume") and then
for its device: one named before it in the segment, else after it ("30 on the telly"), else the last fitting
device spoken of, else the next one in the sentence, else one named later in the text, else the parameter's usual
device ("22°C" is the air conditioning's).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.metrics.parsing.clauses import Segment, segments
from lab.metrics.parsing.items import Choice, Device, Item, Number, Parameter, Particle, Value, Word, words
from lab.metrics.parsing.switches import follows_verb, is_switch
from lab.metrics.parsing.values import Found, values

_OPENERS = words("the my your our his her their this that both all too as well living room bedroom")


@dataclass(slots=True)
class Reading:
    """What has been understood so far."""

    settings: dict[tuple[str, str], Value] = field(default_factory=dict)  # (device, parameter) → last value
    mentioned: set[str] = field(default_factory=set)
    recent: list[str] = field(default_factory=list)  # devices by last mention, latest last
    waiting: list[str] = field(default_factory=list)  # "the lights and ...", before a value they share
    switching: bool | None = None  # "turn off the lights, ..." goes on over a list
    homeless: list[Found] = field(default_factory=list)  # values whose device has not been named yet

    def mention(self, device: str) -> None:
        """Note that the text speaks of a device."""
        self.mentioned.add(device)
        if device in self.recent:
            self.recent.remove(device)
        self.recent.append(device)

    def settle(self, device: str, parameter: str, value: Value) -> None:
        """Note a setting; it replaces an earlier one of the same parameter."""
        self.settings[device, parameter] = value

    def switch(self, device: str, on: bool) -> None:
        """Note that a device is switched; security is armed instead."""
        if device == "security":
            self.settle(device, "armed", on)
        else:
            self.settle(device, "power", "on" if on else "off")


def read(text: str) -> Reading:
    """Read a whole text. Never fails; time is linear in its length."""
    reading = Reading()
    for segment in segments(text):
        if not segment.joined:
            reading.waiting, reading.switching = [], None
        _read_segment(reading, segment)
    for value in reading.homeless:
        _house(reading, value)
    return reading


def _house(reading: Reading, value: Found) -> None:
    """Give a value to a fitting device named after it ("Volume 18. The TV is ..."), else to its usual one."""
    fitting = {device for device, _, _ in value.options}
    named = [device for device in reading.recent if device in fitting]
    for device, parameter, setting in value.options:
        if device == (named[0] if named else value.usual):
            reading.mention(device)
            reading.settings.setdefault((device, parameter), setting)


def _read_segment(reading: Reading, segment: Segment) -> None:
    items = segment.items
    devices = segment.devices()
    continues = _opens_with_device(items)
    group = [*reading.waiting, devices[0]] if continues else devices[:1]
    particles = [at for at in range(len(items)) if is_switch(items, at)]
    found = values(segment)
    for device in devices:
        reading.mention(device)
    # Words like "cooling" or "Netflix" name their device, so they come before the numbers beside them.
    for value in sorted(found, key=lambda value: isinstance(items[value.at], Number)):
        _give(reading, segment, value, group)
    for at in particles:
        _switch(reading, segment, at, group)
    _mention_parameters(reading, segment)
    bare = bool(devices) and not found and not particles
    if bare and continues and reading.switching is not None and segment.settles:
        for device in devices:
            reading.switch(device, reading.switching)
    elif not bare and not particles:
        reading.switching = None
    if bare:
        reading.waiting = [*reading.waiting, *devices] if continues else devices
    elif items:
        reading.waiting = []


def _give(reading: Reading, segment: Segment, value: Found, group: list[str]) -> None:
    """Find the device a value is for, and settle it there and on the devices it shares the value with."""
    fitting = {device for device, _, _ in value.options}
    beside = [device for device in segment.devices(0, value.at) if device in fitting][-1:]
    beside += [device for device in segment.devices(value.at) if device in fitting][:1]
    if not beside:
        beside = [device for device in group if device in fitting]
    if not beside and not value.company:
        elsewhere = (*reversed(reading.recent), *segment.ahead)
        beside = [device for device in elsewhere if device in fitting]
        if not beside and len(fitting) == 1:
            beside = [device for device in fitting if device == value.usual]
        elif not beside and value.usual and segment.settles:
            reading.homeless.append(value)
    if not beside:
        return
    sharing = group if beside[0] in group else beside[:1]
    for device, parameter, setting in value.options:
        if device in sharing:
            reading.mention(device)
            if segment.settles:
                reading.settle(device, parameter, setting)


def _switch(reading: Reading, segment: Segment, at: int, group: list[str]) -> None:
    """Switch the devices that a particle is about: those after "turn off", else those before "off"."""
    if not segment.settles:
        return
    particle = segment.items[at]
    assert isinstance(particle, Particle)
    after = segment.devices(at) if follows_verb(segment.items, at) else []
    before = segment.devices(0, at)
    it = [] if any(isinstance(item, Parameter | Choice) for item in segment.items) else reading.recent[-1:]
    targets = after or [*group, *before] or it
    for device in targets:
        reading.switch(device, particle.on)
    reading.switching = particle.on if after else None


def _mention_parameters(reading: Reading, segment: Segment) -> None:
    """Let a parameter speak for its usual device when no fitting device is in sight: "what brightness?"."""
    for item in segment.items:
        if isinstance(item, Parameter) and not item.hint:
            fitting = {device for device, _ in item.of}
            if not fitting & (reading.mentioned | set(segment.ahead)):
                reading.mention(item.of[0][0])


def _opens_with_device(items: list[Item]) -> bool:
    """Whether a segment starts with a device, perhaps after "the" or "your"."""
    for item in items:
        if isinstance(item, Device):
            return True
        if not (isinstance(item, Word) and item.text in _OPENERS):
            return False
    return False
