"""How a persona behaves, in numbers: the devices, values, commands and style of its dialogues.

The published study clustered personas by the text of their descriptions, found no groups (silhouette 0.022) and named
behaviour as the better ground: command types, device preferences, interaction patterns. These are features for that.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, pstdev
from typing import NamedTuple

import numpy as np

from lab.data.types import Dialogue, Message, Value
from lab.errors import LabError
from lab.methods.features import Family, Floats, Traits, fitted, rows
from lab.metrics.actions import devices_mentioned, parse_actions

# Where fewer assistant messages set a device, the talk is not of devices: "18 degrees" is then the weather.
_TALK_OF_DEVICES = 0.1
_TTR_WINDOW = 50  # words

# Words are English. An imperative opens a clause, or follows a word that leads up to it.
_IMPERATIVE = re.compile(
    r"(?:^|[.,;:!?…—-]\s*|\b(?:please|and|then|just|also|let's|kindly|maybe|do)\s+)(?:\w+ly\s+)?"
    r"(?:set|turn|put|make|switch|start|stop|play|bring|dim|raise|lower|add|let|give|get|take|keep|leave|run|arm|disarm"
    r"|mute|pause|open|close|sort|show|tell|find|write|explain|help|book|order|send|remind|schedule|change|adjust)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:can|could|would|will|may|might|should) (?:you|u|we|i|it|somebody|someone)\b", re.IGNORECASE
)
_WISH = re.compile(
    r"\bi (?:want|need|require|wish|fancy|(?:would|should) (?:like|love|prefer|welcome))\b"
    r"|\bi'd (?:like|love|prefer|welcome|be glad)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?|^\W*(?:what|which|who|whose|when|where|why|how)\b", re.IGNORECASE)
_CORRECTION = re.compile(
    r"\b(?:actually|correction|instead|rather|i mean|i meant|scratch that|never ?mind|on second thoughts?|wait|hold on"
    r"|not that|back to|go back|after all|again|as before|slightly|a (?:wee )?(?:bit|little|touch|tad|notch|shade)"
    r"|warmer|cooler|colder|hotter|brighter|dimmer|darker|lighter|louder|quieter|softer|higher|lower|more|less)\b"
    r"|^\W*no\b|[.,;!?]\s*no\b",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"\b(?:please|thanks|thank you|cheers|sorry|excuse me|pardon|kindly|grateful|appreciate|much obliged"
    r"|(?:would|could) you|may i|might i|if you please)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """One row of numbers for each persona, [n, d], in the order in which the personas were given.

    A name is that of a family and of the column in it, as in "values: ac.temperature mean".
    """

    personas: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats
    scaling: Scaling


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the features of some personas were made with, kept so that another one can be placed among them."""

    of_devices: bool  # whether their talk is of devices
    families: tuple[Family, ...]


class _Turn(NamedTuple):
    """What one assistant message did; `labelled` where the data say so and nothing was read out of words."""

    devices: frozenset[str]
    settings: frozenset[tuple[str, str, Value]]
    labelled: bool


def behaviour_features(dialogues_of: Mapping[str, Sequence[Dialogue]]) -> Features:
    """Describe each persona by the dialogues given for it.

    Give TRAIN dialogues only: the caller sees to that, nothing here knows of the split.

    Four families: the devices used, the values set, the types of command and the style of the user's messages. Each
    column is standardised over the personas it is known of (mean 0, variance 1); where it is not known, as a value
    that the persona never sets, it is 0, the mean. Constant columns are dropped, so data without devices have no
    device columns, and personas that do not differ at all have none. Then each family is scaled as a whole to a mean
    squared row length of 1 (block scaling), so that it counts as much as another whatever its number of columns.
    A persona's row depends on who else is there, but not on their order.

    Raises LabError without any persona.
    """
    if not dialogues_of:
        raise LabError("behaviour: no personas given; give at least one with its train dialogues")
    personas = sorted(dialogues_of)  # sums over them round the same in any order
    dialogues = [dialogues_of[persona] for persona in personas]
    turns = _turns(dialogues)
    of_devices = _of_devices(turns)
    traits = _traits(dialogues, turns, of_devices)
    scaling = Scaling(of_devices, tuple(fitted(name, one) for name, one in traits.items()))
    names = tuple(f"{family.name}: {column.name}" for family in scaling.families for column in family.varying)
    values = _rows(scaling, traits)
    row = {persona: index for index, persona in enumerate(personas)}
    return Features(tuple(dialogues_of), names, values[[row[persona] for persona in dialogues_of]], scaling)


def placed_features(scaling: Scaling, dialogues: Sequence[Dialogue]) -> Floats:
    """The row [d] of one persona in the features of others, by its own dialogues.

    Nothing of theirs moves: a choice that has no column there counts as "other", as one of their own would. So each
    of them is placed where it is. Give TRAIN dialogues only.
    """
    row: Floats = _rows(scaling, _traits([dialogues], _turns([dialogues]), scaling.of_devices))[0]
    return row


def _rows(scaling: Scaling, traits: Mapping[str, Sequence[Traits]]) -> Floats:
    """All features, [n, d]."""
    return np.concatenate([rows(family, traits[family.name]) for family in scaling.families], axis=1)


# -- devices and values ---------------------------------------------------------------------------------------------


def _turns(dialogues: Sequence[Sequence[Dialogue]]) -> list[list[_Turn]]:
    """Every assistant message of each persona, read."""
    return [[_read(message) for message in _said("assistant", one)] for one in dialogues]


def _of_devices(turns: Sequence[Sequence[_Turn]]) -> bool:
    """Whether the talk is of devices."""
    setting = [bool(turn.settings) for turn in chain.from_iterable(turns)]
    return sum(setting) >= _TALK_OF_DEVICES * len(setting)


def _traits(
    dialogues: Sequence[Sequence[Dialogue]], turns: Sequence[Sequence[_Turn]], of_devices: bool
) -> dict[str, list[Traits]]:
    """What each family knows of each persona; without what was misread where the talk is not of devices."""
    sound = [[turn for turn in one if of_devices or turn.labelled] for one in turns]
    return {
        "devices": [_devices(one) for one in sound],
        "values": [_values(one) for one in sound],
        "commands": [_commands(one) for one in dialogues],
        "style": [_style(one) for one in dialogues],
    }


def _said(role: str, dialogues: Sequence[Dialogue]) -> Iterator[Message]:
    return (message for dialogue in dialogues for message in dialogue.messages if message.role == role)


def _read(message: Message) -> _Turn:
    if message.actions is None:
        settings = {(action.device, action.parameter, action.value) for action in parse_actions(message.content)}
        return _Turn(devices_mentioned(message.content), frozenset(settings), labelled=False)
    made = {(device, name, value) for device, values in message.actions.items() for name, value in values.items()}
    return _Turn(frozenset(message.actions), frozenset(made), labelled=True)


def _devices(turns: Sequence[_Turn]) -> Traits:
    """How the uses of devices are shared out over the devices."""
    return Traits(counts={"device": Counter(chain.from_iterable(turn.devices for turn in turns))})


def _values(turns: Sequence[_Turn]) -> Traits:
    """Mean and spread of each numeric parameter, shares of each other parameter's values."""
    numeric: dict[str, list[float]] = defaultdict(list)
    chosen: dict[str, Counter[str]] = defaultdict(Counter)
    for device, parameter, value in chain.from_iterable(turn.settings for turn in turns):
        if isinstance(value, bool | str):
            chosen[f"{device}.{parameter}"][str(value)] += 1
        else:
            numeric[f"{device}.{parameter}"].append(value)
    means = {f"{name} mean": fmean(values) for name, values in numeric.items()}
    spreads = {f"{name} spread": pstdev(values) for name, values in numeric.items() if len(values) > 1}
    return Traits(means | spreads, chosen)


# -- commands and style ---------------------------------------------------------------------------------------------


def _commands(dialogues: Sequence[Dialogue]) -> Traits:
    """Shares of task types, where the data have them, and of messages that command in some form, ask or correct."""
    types = Counter(dialogue.task_type for dialogue in dialogues if dialogue.task_type is not None)
    texts = [message.content for message in _said("user", dialogues)]
    if not texts:
        return Traits(counts={"task type": types})
    deeds = [any(kind.search(text) for kind in (_IMPERATIVE, _REQUEST, _WISH)) for text in texts]
    numbers = {
        "imperatives": _share(_IMPERATIVE, texts),
        "requests": _share(_REQUEST, texts),
        "wishes": _share(_WISH, texts),
        # "Could you turn it down?" asks for a deed, not for an answer.
        "questions": fmean(not deed and bool(_QUESTION.search(text)) for deed, text in zip(deeds, texts, strict=True)),
        "corrections": _share(_CORRECTION, texts),
    }
    return Traits(numbers, {"task type": types})


def _share(pattern: re.Pattern[str], texts: Sequence[str]) -> float:
    """The share of texts that hold the pattern."""
    return fmean(bool(pattern.search(text)) for text in texts)


def _style(dialogues: Sequence[Dialogue]) -> Traits:
    """Length, punctuation, politeness, capitals, contractions, variety and hours of the user's messages."""
    hours = Counter(f"{start:02}–{start + 6:02} h" for start in (d.started_at.hour // 6 * 6 for d in dialogues))
    texts = [message.content for message in _said("user", dialogues)]
    words = [word for text in texts for word in _WORD.findall(text)]
    if not words:
        return Traits(counts={"time": hours})
    lengths = [len(text.split()) for text in texts]
    letters = "".join(words)
    numbers = {
        "words mean": fmean(lengths),
        "words spread": pstdev(lengths),
        "exclaiming": fmean("!" in text for text in texts),
        "with question mark": fmean("?" in text for text in texts),
        "polite words": sum(len(_POLITE.findall(text)) for text in texts) / len(words),
        "capitals": sum(map(str.isupper, letters)) / sum(map(str.isalpha, letters)),
        "contractions": fmean("'" in word or "’" in word for word in words),
        "type-token ratio": _type_token_ratio([word.lower() for word in words]),
    }
    return Traits(numbers, {"time": hours})


def _type_token_ratio(words: Sequence[str]) -> float:
    """Distinct words over words, the mean over every window of 50 (Covington & McFall 2010).

    The plain ratio falls with the length of the text, and would tell who talks a lot instead of whose words vary.
    """
    window = Counter(words[:_TTR_WINDOW])
    distinct = [len(window)]
    for gone, come in zip(words, words[_TTR_WINDOW:], strict=False):
        window[come] += 1
        window[gone] -= 1
        if not window[gone]:
            del window[gone]
        distinct.append(len(window))
    return fmean(distinct) / min(len(words), _TTR_WINDOW)
