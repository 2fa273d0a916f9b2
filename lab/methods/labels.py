"""What auxiliary heads are asked about an assistant turn: who speaks, which devices the answer sets, which numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, pstdev

import numpy as np
from numpy.typing import NDArray

from lab.data.types import Dialogue, Message
from lab.metrics.actions import Action, parse_actions

_FEW = 3  # values from which a mean and a spread are worth having


class Labels:
    """Labels of turns, over the devices and numbers that the train dialogues hold."""

    def __init__(self, personas: Sequence[str], train: Iterable[Dialogue]) -> None:
        self.personas = tuple(personas)
        devices: set[str] = set()
        values: dict[tuple[str, str], list[float]] = defaultdict(list)
        for dialogue in train:
            for message in dialogue.messages:
                for action in _actions(message):
                    devices.add(action.device)
                    if _is_number(action):
                        values[action.device, action.parameter].append(float(action.value))
        self.devices = tuple(sorted(devices))
        kept = {key: numbers for key, numbers in sorted(values.items()) if len(numbers) >= _FEW and pstdev(numbers)}
        self.numbers = tuple(kept)
        self._scales = {key: (fmean(numbers), 2 * pstdev(numbers)) for key, numbers in kept.items()}

    def rows(self, dialogue: Dialogue, turns: Sequence[int]) -> NDArray[np.float32]:
        """For each of the turns (indices of messages): the persona's number, a flag for each device, each number.

        Numbers are scaled to a mean of 0 and a standard deviation of ½; one that is not set is NaN. [turns, 1 + D + N]
        """
        who = float(self.personas.index(dialogue.persona_id))
        found = np.empty((len(turns), 1 + len(self.devices) + len(self.numbers)), dtype=np.float32)
        for row, turn in zip(found, turns, strict=True):
            actions = _actions(dialogue.messages[turn])
            devices = {action.device for action in actions}
            values = {(a.device, a.parameter): float(a.value) for a in actions if _is_number(a)}
            row[:] = [who, *(float(device in devices) for device in self.devices), *self._scaled(values)]
        return found

    def _scaled(self, values: Mapping[tuple[str, str], float]) -> list[float]:
        return [
            (values[key] - self._scales[key][0]) / self._scales[key][1] if key in values else math.nan
            for key in self.numbers
        ]


def _actions(message: Message) -> list[Action]:
    """What an assistant message sets: as the data say, or else as its text does."""
    if message.role != "assistant":
        return []
    if message.actions is None:
        return sorted(parse_actions(message.content), key=str)
    return [Action(device, name, value) for device, set_ in message.actions.items() for name, value in set_.items()]


def _is_number(action: Action) -> bool:
    return not isinstance(action.value, bool | str)
