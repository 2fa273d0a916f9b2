"""Whether "on" and "off" switch a device or are prepositions: "lights on" against "30 on the telly"."""

from __future__ import annotations

from lab.metrics.parsing.items import Choice, Device, Item, Number, Parameter, Particle, SwitchVerb, Word, words

_BETWEEN_DEVICE_AND_PARTICLE = words(
    "is are 's : now all both back already be stay stays staying remain remains go goes going coming"
)
_AFTER_PREPOSITION = words("the your my our a an this that top it")


def is_switch(items: list[Item], at: int) -> bool:
    """Whether the item is an "on" or "off" that switches something, not a preposition."""
    particle = items[at]
    if not isinstance(particle, Particle):
        return False
    if follows_verb(items, at):
        return True
    verb = any(isinstance(item, SwitchVerb) for item in items[:at])
    if not particle.on:
        return verb or _follows_device(items, at)
    following = items[at + 1] if at + 1 < len(items) else None
    preposition = (isinstance(following, Word) and following.text in _AFTER_PREPOSITION) or isinstance(
        following, Device | Number | Choice | Parameter
    )
    return not preposition and (verb or _follows_device(items, at))


def follows_verb(items: list[Item], at: int) -> bool:
    """Whether the particle stands right behind its verb: "turn off the lights"."""
    return at > 0 and isinstance(items[at - 1], SwitchVerb)


def _follows_device(items: list[Item], at: int) -> bool:
    """Whether a device stands before the particle with nothing but "is", "now" and the like between."""
    for item in reversed(items[:at]):
        if isinstance(item, Device):
            return True
        if not (isinstance(item, Word) and item.text in _BETWEEN_DEVICE_AND_PARTICLE):
            return False
    return False
