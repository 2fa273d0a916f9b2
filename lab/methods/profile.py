"""What a persona seems to prefer, learned from its train dialogues and told in a few words for the prompt.

Only what was said and set is read. `Persona.preferences` and `Persona.routines` of a data set never are: they are
the answer key, and hold changes of mind that lie in the future of a train dialogue.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median, median_low
from typing import Any

from lab.data.types import Dialogue, Message, Persona, Value
from lab.metrics.actions import parse_actions

MAX_WORDS = 120
MIN_SUPPORT = 3
"""Cases that a side needs to be told apart, and messages that a way of writing needs to be seen in."""

Spot = tuple[str, str]
"""A device and one of its parameters."""
_Usable = float | str
_Case = tuple[_Usable, Mapping[str, Any]]
"""What one dialogue left a parameter at, and the dialogue's context."""

_DEVICES = {"ac": "AC", "tv": "TV"}
_CONDITIONS = {"time_of_day": "in the {}", "outdoor_temp": "when {} outside", "weather": "when {}"}
"""What may explain a value: keys of a context. Of equal explanations the first is told."""
_EXPLAINED = 0.5  # how wrong guesses that know the side may be, as a share of those that do not
_DOUBTS = 2  # cases that are taken to have gone against every usual value

_SHORT, _LONG = 7, 12  # words of the median message: up to the one, from the other on
_MARKED = 1 / 3  # share of messages that makes a manner
_COURTESY = re.compile(r"\b(please|kindly|would you|could you|may i|might|shall|grateful|thank you)\b", re.IGNORECASE)
_CONTRACTION = re.compile(r"\w['’](s|m|re|ll|ve|d|t)\b", re.IGNORECASE)
_SLANG = re.compile(
    r"\b(hey|hi|yo|yeah|ok|okay|mate|dude|lol|pls|thx|thanks|cheers|gonna|wanna|gotta|kinda|lemme)\b", re.IGNORECASE
)


def description_text(persona: Persona) -> str:
    """The persona's description for the system message; "" if it has none.

    Its preferences and routines are never told: see the module.
    """
    description = persona.description.strip()
    return f"The user: {description}" if description else ""


def preferences(dialogues: Sequence[Dialogue]) -> str:
    """What the user of these dialogues usually has set, and how the user writes; "" where they show nothing.

    A case is the value that a dialogue sets a device parameter to. The usual value is the median of numbers, with the
    range of their middle half if they vary, or the most frequent word. A time of day, a temperature outside or a
    weather with at least 3 cases is a side, and so are all other cases together. The sides are told apart if guessing
    each case as what is usual among the others of its side is at most half as wrong (absolute error, or misses for
    words) as guessing it as what is usual among all.

    Parameters come in the order of certainty: the share of cases their usual values hold for, had two more cases
    gone against them. At most 120 words: what has no room is left out. The same dialogues give the same text,
    whatever their order.
    """
    ordered = sorted(dialogues, key=lambda dialogue: (dialogue.started_at, dialogue.dialogue_id))
    manner = _manner([m.content for dialogue in ordered for m in dialogue.messages if m.role == "user"])
    head = "The user's usual settings:"
    room = MAX_WORDS - len(f"{head} {manner}".split())
    told = []
    for statement in _statements(ordered):
        n = len(statement.split())
        if 0 < n <= room:
            told.append(statement)
            room -= n
    return " ".join(filter(None, (f"{head} {'; '.join(told)}." if told else "", manner)))


# ---------------------------------------------------------------- settings


def settings(dialogue: Dialogue) -> dict[Spot, Value]:
    """The first value that the assistant set for each (device, parameter) in a dialogue.

    The first, for what follows ("a bit warmer", "in five minutes …") mostly is a whim of the moment: on generated
    data it tells later dialogues' settings better than the last. Read from the actions of the messages where the data
    have them, else from the assistant's words.
    """
    found: dict[Spot, Value] = {}
    for message in dialogue.messages:
        if message.role == "assistant":
            for spot, value in _set_by(message):
                found.setdefault(spot, value)
    return found


def _set_by(message: Message) -> Iterator[tuple[Spot, Value]]:
    if message.actions is None:
        for action in sorted(parse_actions(message.content)):
            yield (action.device, action.parameter), action.value
    else:
        for device, parameters in message.actions.items():
            for name, value in parameters.items():
                yield (device, name), value


def setting_text(spot: Spot, value: Value) -> str:
    """One setting in words, such as "AC temperature 22" or "security not armed"."""
    return _flat(f"{_label(spot, [value])} {_word(spot, value)}")


def _label(spot: Spot, values: Sequence[Value]) -> str:
    device, parameter = (_DEVICES.get(name, name.replace("_", " ")) for name in spot)
    return device if all(isinstance(value, bool) for value in values) else f"{device} {parameter}"


def _word(spot: Spot, value: Value) -> str:
    """A value as it is told: a switch by its parameter's name."""
    if isinstance(value, bool):
        return spot[1].replace("_", " ") if value else f"not {spot[1].replace('_', ' ')}"
    return _flat(str(value))


def _flat(text: str) -> str:
    return " ".join(text.split())


# ---------------------------------------------------------------- usual values


def _statements(dialogues: Sequence[Dialogue]) -> list[str]:
    """One statement for every parameter that was set, the most certain first."""
    seen: dict[Spot, list[tuple[Value, Mapping[str, Any]]]] = {}
    for dialogue in dialogues:
        for spot, value in settings(dialogue).items():
            seen.setdefault(spot, []).append((value, dialogue.context))
    ranked = []
    for spot, found in seen.items():
        values = [value for value, _ in found]
        sides = _sides([(usable, context) for usable, (_, context) in zip(_usable(spot, values), found, strict=True)])
        ranked.append((-_certainty(sides), _flat(f"{_label(spot, values)} {_sides_text(sides)}")))
    return [statement for _, statement in sorted(ranked)]


def _usable(spot: Spot, values: Sequence[Value]) -> list[_Usable]:
    """Numbers if all are, else words."""
    numbers: list[_Usable] = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return numbers if len(numbers) == len(values) else [_word(spot, value) for value in values]


def _certainty(sides: Mapping[str, Sequence[_Usable]]) -> float:
    held = sum(value == _usual(values) for values in sides.values() for value in values)
    return held / (sum(map(len, sides.values())) + _DOUBTS)


def _usual(values: Sequence[_Usable]) -> _Usable:
    """The median of numbers (one of them, not between two), or the most frequent word, of equals the newer."""
    numbers = [value for value in values if not isinstance(value, str)]
    if numbers:
        return median_low(numbers)
    count, newest = Counter(values), {value: place for place, value in enumerate(values)}
    return max(count, key=lambda value: (count[value], newest[value]))


def _sides_text(sides: Mapping[str, Sequence[_Usable]]) -> str:
    """Each usual value with its conditions; sides that say the same are told together."""
    told: dict[str, list[str]] = {}
    for condition, values in sides.items():
        told.setdefault(f"{_usual(values)}{_range(values)}", []).append(condition)
    return ", ".join(f"{value} {' and '.join(conditions)}".strip() for value, conditions in told.items())


def _range(values: Sequence[_Usable]) -> str:
    """The middle half of numbers that vary."""
    numbers = sorted(value for value in values if not isinstance(value, str))
    cut = len(numbers) // 4
    return f" ({numbers[cut]}–{numbers[-1 - cut]})" if numbers and numbers[cut] != numbers[-1 - cut] else ""


# ---------------------------------------------------------------- what explains a value


def _sides(cases: Sequence[_Case]) -> dict[str, list[_Usable]]:
    """Values by the conditions that explain them best, the largest side first; under "" where nothing does."""
    everything = [value for value, _ in cases]
    candidates = []
    for key in _CONDITIONS:
        sides = _split(cases, key)
        unknowing = sum(_error(value, _usual(everything)) for values in sides.values() for value in values)
        if len(sides) > 1 and unknowing > 0:
            candidates.append((sum(_left_out_error(values) for values in sides.values()) / unknowing, sides))
    error, best = min(candidates, key=lambda candidate: candidate[0], default=(1.0, {}))
    return best if error <= _EXPLAINED else {"": everything}


def _split(cases: Sequence[_Case], key: str) -> dict[str, list[_Usable]]:
    """Condition → its values, where there are enough; all other cases are a side of their own, the last."""
    conditions = [_condition(key, str(context.get(key) or "")) for _, context in cases]
    count = Counter(conditions)
    large = [condition for condition, n in count.items() if condition and n >= MIN_SUPPORT]
    sides: dict[str, list[_Usable]] = {condition: [] for condition in sorted(large, key=lambda c: (-count[c], c))}
    rest: list[_Usable] = []
    for (value, _), condition in zip(cases, conditions, strict=True):
        sides.get(condition, rest).append(value)
    return sides | ({"otherwise": rest} if len(rest) >= MIN_SUPPORT else {})


def _condition(key: str, value: str) -> str:
    if not value:
        return ""
    return "at night" if value == "night" else _CONDITIONS[key].format(value.replace("_", " "))


def _left_out_error(values: Sequence[_Usable]) -> float:
    """How wrong it is to guess each value as what is usual among the others: small sides get no credit for luck."""
    error = 0.0
    for value, n in Counter(values).items():
        others = list(values)
        others.remove(value)
        error += n * _error(value, _usual(others))
    return error


def _error(value: _Usable, guess: _Usable) -> float:
    return float(value != guess) if isinstance(value, str) or isinstance(guess, str) else abs(value - guess)


# ---------------------------------------------------------------- manner


def _manner(messages: Sequence[str]) -> str:
    """How the user writes, in one sentence; "" where nothing stands out or too little is seen."""
    if len(messages) < MIN_SUPPORT:
        return ""
    words = median(len(message.split()) for message in messages)
    length = "short" if words <= _SHORT else "long" if words >= _LONG else ""
    casual = sum(_is_casual(message) for message in messages) / len(messages)
    formal = sum(_is_formal(message) for message in messages) / len(messages)
    tone = "" if max(casual, formal) < _MARKED else "casual" if casual > formal else "formal"
    told = ", ".join(filter(None, (length, tone)))
    return f"The user writes {told} messages." if told else ""


def _is_casual(message: str) -> bool:
    """Begun in lower case, or with slang."""
    return message.lstrip()[:1].islower() or _SLANG.search(message) is not None


def _is_formal(message: str) -> bool:
    """A courtesy and no contraction."""
    return _COURTESY.search(message) is not None and _CONTRACTION.search(message) is None
