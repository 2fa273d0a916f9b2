"""The values in a segment: numbers with their parameter, and words such as "Netflix" or "warm"."""

from __future__ import annotations

from dataclasses import dataclass

from lab.metrics.parsing.clauses import Segment
from lab.metrics.parsing.items import Choice, Item, Number, Parameter, Value, Word, words
from lab.metrics.parsing.vocabulary import COOL, DEFAULT_NUMBER

Option = tuple[str, str, Value]
"""One thing a value may mean: device, parameter, value."""

_LINKERS = words("to at on in a of around about now is are be set level = : 's mean make that just")
_FILLERS = _LINKERS | words("the your both all bit nice soft tone tones it then")
_AFTER_VALUE = _FILLERS | words("for please again instead as like today tonight degrees right and this by until till")
_BEFORE_FEELING = words("stay keep keeps keeping you nice feel feeling feels so too very getting how 's")
_AFTER_FEELING = words("day evening morning night afternoon weather welcome regards enough")


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a segment: where it stands and what it may mean, one option per device.

    One that needs `company` means something only with a fitting device in its segment; one with a `usual` device
    belongs there when the text names no fitting device at all.
    """

    at: int
    options: tuple[Option, ...]
    company: bool
    usual: str | None


def values(segment: Segment) -> list[Found]:
    """Give the values of a segment in order, numbers with their parameter."""
    items = segment.items
    if segment.opens and items == [COOL]:
        return []  # "Cool, I'll ..." is a nod
    bound = _bind(items)
    found: list[Found] = []
    for at, item in enumerate(items):
        if isinstance(item, Number) and (options := _number_options(item, bound.get(at))):
            found.append(_number(items, at, item, options, named=at in bound))
        elif isinstance(item, Choice) and not (item.everyday and _is_small_talk(items, at)):
            found.append(_choice(segment, at, item))
    return found


def _number(items: list[Item], at: int, number: Number, options: tuple[Option, ...], named: bool) -> Found:
    """A number as a value; one without parameter or unit has to stand where a setting does."""
    if named or number.unit == "degree":
        return Found(at, options, company=False, usual=options[0][0])
    if number.unit == "percent" and not number.vague and _is_only_values(items):
        return Found(at, options, company=False, usual="lights")  # percent is how brightness is said
    return Found(at, options, company=number.vague or not _is_linked(items, at), usual=None)


def _choice(segment: Segment, at: int, choice: Choice) -> Found:
    """A word as a value; an everyday one needs its parameter ("colour: warm"), its device, or no words around it."""
    if not choice.everyday:
        return Found(at, choice.options, company=False, usual=choice.options[0][0])
    items = segment.items
    named = {pair for item in items if isinstance(item, Parameter) for pair in item.of}
    options = tuple(option for option in choice.options if option[:2] in named)
    if options:
        return Found(at, options, company=False, usual=options[0][0])
    apart = _is_only_values(items) or _is_linked(items, at)
    return Found(at, choice.options, company=bool(segment.devices()) or not apart, usual=None)


def _number_options(number: Number, parameter: Parameter | None) -> tuple[Option, ...]:
    """What a number may mean: its parameter's on every device that has it, or each device's usual number."""
    of = parameter.of if parameter else tuple(DEFAULT_NUMBER.items())
    if number.unit == "degree":
        of = (("ac", "temperature"),)
    options = (_ac_option(name, number) if device == "ac" else (device, name, number.value) for device, name in of)
    return tuple(option for option in options if option is not None)


def _ac_option(parameter: str, number: Number) -> Option | None:
    """What a number means to the air conditioning, whose parameters share no scale with a percentage.

    A full fan is speed 3, and a bare number too small for a temperature is the fan's: "cool, 21, 2".
    """
    if number.unit == "percent":
        return ("ac", "fan_speed", 3) if parameter == "fan_speed" and number.value == 100 else None
    if parameter == "temperature" and number.unit == "" and number.value <= 3:
        return ("ac", "fan_speed", number.value)
    return ("ac", parameter, number.value)


def _bind(items: list[Item]) -> dict[int, Parameter]:
    """Give each number its parameter: the nearest before it that no other number has, else the next after it.

    A parameter after a number is left to the number behind it if that one would have none: in "22, fan 2"
    without its comma, the fan belongs to 2.
    """
    numbers = [at for at, item in enumerate(items) if isinstance(item, Number)]
    parameters = [(at, item) for at, item in enumerate(items) if isinstance(item, Parameter) and item.numeric]
    bound: dict[int, Parameter] = {}
    taken: set[int] = set()
    for rank, at in enumerate(numbers):
        start = numbers[rank - 1] if rank else -1
        end = numbers[rank + 1] if rank + 1 < len(numbers) else len(items)
        beyond = numbers[rank + 2] if rank + 2 < len(numbers) else len(items)
        before = [(p, item) for p, item in parameters if start < p < at and p not in taken]
        after = [(p, item) for p, item in parameters if at < p < end and not item.hint]
        spare = len(after) > 1 or end == len(items) or any(end < p < beyond for p, _ in parameters)
        named = [entry for entry in before if not entry[1].hint]
        chosen = named[-1:] or (after[:1] if spare else []) or before[-1:]
        for p, item in chosen:
            taken.add(p)
            bound[at] = item
    return bound


def _is_linked(items: list[Item], at: int) -> bool:
    """Whether a value opens its segment or follows "to", "at" and the like, and counts nothing: not "ten points"."""
    previous = items[at - 1] if at else Word("to")
    following = items[at + 1] if at + 1 < len(items) else Word("now")
    linked = isinstance(previous, Word) and previous.text in _LINKERS
    return linked and (not isinstance(following, Word) or following.text in _AFTER_VALUE)


def _is_only_values(items: list[Item]) -> bool:
    """Whether a segment has no words of its own, as ", warm," in a list of settings."""
    return all(not isinstance(item, Word) or item.text in _FILLERS for item in items)


def _is_small_talk(items: list[Item], at: int) -> bool:
    """Whether "warm" or "cool" is about people or weather: "stay warm", "a cool evening"."""
    before = items[at - 1] if at else None
    after = items[at + 1] if at + 1 < len(items) else None
    feels = isinstance(before, Word) and before.text in _BEFORE_FEELING
    return feels or (isinstance(after, Word) and after.text in _AFTER_FEELING)
