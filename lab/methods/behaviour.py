"""How a persona behaves, in numbers: the devices, values, commands and style of its dialogues.

The published study clustered personas by the text of their descriptions, found no groups (silhouette 0.022) and named
behaviour as the better ground: command types, device preferences, interaction patterns. These are features for that.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import fmean, pstdev
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lab.data.types import Dialogue, Message, Value
from lab.errors import LabError
from lab.metrics.actions import devices_mentioned, parse_actions

Floats = npt.NDArray[np.float64]

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


@dataclass(frozen=True, slots=True)
class _Traits:
    """What one family knows of one persona; what is missing is unknown.

    `counts` are group → choice → how often; a persona of whom a group is known has 0 of the choices it never made.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)


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
    families = {
        "devices": [_devices(one) for one in turns],
        "values": [_values(one) for one in turns],
        "commands": [_commands(one) for one in dialogues],
        "style": [_style(one) for one in dialogues],
    }
    names: list[str] = []
    blocks: list[Floats] = [np.empty((len(personas), 0))]
    for family, traits in families.items():
        columns = _standardise(_columns(traits))
        if columns:
            names += [f"{family}: {name}" for name in columns]
            block = np.column_stack(list(columns.values()))  # [n, columns of the family]
            blocks.append(block * np.sqrt(len(personas) / (block**2).sum()))
    values = np.concatenate(blocks, axis=1)
    row = {persona: index for index, persona in enumerate(personas)}
    return Features(tuple(dialogues_of), tuple(names), values[[row[persona] for persona in dialogues_of]])


# -- columns --------------------------------------------------------------------------------------------------------


def _columns(traits: Sequence[_Traits]) -> dict[str, Floats]:
    """Name → [n], NaN where unknown."""
    columns: dict[str, Floats] = {}
    for name in sorted({name for one in traits for name in one.numbers}):
        columns[name] = np.array([one.numbers.get(name, np.nan) for one in traits])
    for group in sorted({group for one in traits for group in one.counts}):
        columns |= _shares(group, [one.counts.get(group, Counter()) for one in traits])
    return columns


def _shares(group: str, counts: Sequence[Counter[str]]) -> dict[str, Floats]:
    """The share of each choice, [n] each; a persona that never chose is unknown.

    What one persona alone chooses makes no two alike, and free text is full of it: such choices count together.
    """
    takers = Counter(chain.from_iterable(counts))
    shares: dict[str, Floats] = defaultdict(lambda: np.zeros(len(counts)))
    for row, count in enumerate(counts):
        for choice, n in count.items():
            shares[choice if takers[choice] > 1 else "other"][row] += n / count.total()
    known = np.array([bool(count) for count in counts])
    return {f"{group} = {choice}": np.where(known, shares[choice], np.nan) for choice in sorted(shares)}


def _standardise(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Mean 0 and variance 1 over the known; the unknown become 0. Constant columns are left out."""
    standard: dict[str, Floats] = {}
    for name, column in columns.items():
        known = column[~np.isnan(column)]
        mean, spread = known.mean(), known.std()
        if spread > 1e-9 * max(1.0, abs(mean)):  # less is rounding
            standard[name] = np.nan_to_num((column - mean) / spread, nan=0.0)
    return standard


# -- devices and values ---------------------------------------------------------------------------------------------


def _turns(dialogues: Sequence[Sequence[Dialogue]]) -> list[list[_Turn]]:
    """Every assistant message of each persona, read; without what was misread where the talk is not of devices."""
    turns = [[_read(message) for message in _said("assistant", one)] for one in dialogues]
    setting = [bool(turn.settings) for turn in chain.from_iterable(turns)]
    if sum(setting) < _TALK_OF_DEVICES * len(setting):
        return [[turn for turn in one if turn.labelled] for one in turns]
    return turns


def _said(role: str, dialogues: Sequence[Dialogue]) -> Iterator[Message]:
    return (message for dialogue in dialogues for message in dialogue.messages if message.role == role)


def _read(message: Message) -> _Turn:
    if message.actions is None:
        settings = {(action.device, action.parameter, action.value) for action in parse_actions(message.content)}
        return _Turn(devices_mentioned(message.content), frozenset(settings), labelled=False)
    made = {(device, name, value) for device, values in message.actions.items() for name, value in values.items()}
    return _Turn(frozenset(message.actions), frozenset(made), labelled=True)


def _devices(turns: Sequence[_Turn]) -> _Traits:
    """How the uses of devices are shared out over the devices."""
    return _Traits(counts={"device": Counter(chain.from_iterable(turn.devices for turn in turns))})


def _values(turns: Sequence[_Turn]) -> _Traits:
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
    return _Traits(means | spreads, chosen)


# -- commands and style ---------------------------------------------------------------------------------------------


def _commands(dialogues: Sequence[Dialogue]) -> _Traits:
    """Shares of task types, where the data have them, and of messages that command in some form, ask or correct."""
    types = Counter(dialogue.task_type for dialogue in dialogues if dialogue.task_type is not None)
    texts = [message.content for message in _said("user", dialogues)]
    if not texts:
        return _Traits(counts={"task type": types})
    deeds = [any(kind.search(text) for kind in (_IMPERATIVE, _REQUEST, _WISH)) for text in texts]
    numbers = {
        "imperatives": _share(_IMPERATIVE, texts),
        "requests": _share(_REQUEST, texts),
        "wishes": _share(_WISH, texts),
        # "Could you turn it down?" asks for a deed, not for an answer.
        "questions": fmean(not deed and bool(_QUESTION.search(text)) for deed, text in zip(deeds, texts, strict=True)),
        "corrections": _share(_CORRECTION, texts),
    }
    return _Traits(numbers, {"task type": types})


def _share(pattern: re.Pattern[str], texts: Sequence[str]) -> float:
    """The share of texts that hold the pattern."""
    return fmean(bool(pattern.search(text)) for text in texts)


def _style(dialogues: Sequence[Dialogue]) -> _Traits:
    """Length, punctuation, politeness, capitals, contractions, variety and hours of the user's messages."""
    hours = Counter(f"{start:02}–{start + 6:02} h" for start in (d.started_at.hour // 6 * 6 for d in dialogues))
    texts = [message.content for message in _said("user", dialogues)]
    words = [word for text in texts for word in _WORD.findall(text)]
    if not words:
        return _Traits(counts={"time": hours})
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
    return _Traits(numbers, {"time": hours})


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
