"""One speaker's idiolect: a fixed order of favourites at every choice the grammar offers."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from lab.data.generate.dice import Dice

Slots = Mapping[str, Callable[[], str]]
"""What can be put into a frame here and now. A frame that asks for more does not fit."""

SLOT = re.compile(r"\{(\w+)\}")
ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")
FAVOUR = (9, 7, 5, 4, 3, 2, 2, 1)
"""Weights of the speaker's favourite, second favourite and so on; the rest weigh as much as the last."""
MEMORY = 12


class Voice:
    """Chooses words the way one speaker does, and does not say the same thing twice in a row."""

    def __init__(self, key: str, dice: Dice) -> None:
        self.key = key
        self.dice = dice
        self._likings: dict[str, bytes] = {}
        self._recent: deque[str] = deque(maxlen=MEMORY)

    def choose(self, options: Sequence[str]) -> str:
        """One of the options; the speaker's favourites come up most."""
        ranked = sorted(options, key=self._liking)
        return ranked[self.dice.weighted([_favour(i) for i in range(len(ranked))])]

    def favourites(self, options: Sequence[str], n: int) -> tuple[str, ...]:
        """The speaker's n favourites, best first."""
        return tuple(sorted(options, key=self._liking)[:n])

    def frame(self, options: Sequence[str]) -> str:
        """As `choose`, leaving out what was said lately where something else is left."""
        fresh = [option for option in options if option not in self._recent]
        chosen = self.choose(fresh or options)
        self._recent.append(chosen)
        return chosen

    def settle(self, text: str) -> str:
        """Decide every [choice|of words] in a frame."""
        while "[" in text:
            text = ALTERNATIVES.sub(lambda found: self.choose(found.group(1).split("|")), text)
        return text

    def _liking(self, text: str) -> bytes:
        """A number of its own for every speaker and text; Python's own hash differs from run to run."""
        if text not in self._likings:
            self._likings[text] = hashlib.blake2b(f"{self.key}/{text}".encode(), digest_size=8).digest()
        return self._likings[text]


def _favour(rank: int) -> int:
    return FAVOUR[min(rank, len(FAVOUR) - 1)]


@cache
def needs(frame: str) -> frozenset[str]:
    """The slots a frame asks for."""
    return frozenset(SLOT.findall(frame))


def fitting(frames: Sequence[str], slots: Slots) -> list[str]:
    """The frames whose every slot can be filled."""
    return [frame for frame in frames if needs(frame) <= slots.keys()]


def fill(frame: str, slots: Slots) -> str:
    """Put words into the slots of a frame."""
    return SLOT.sub(lambda found: slots[found.group(1)](), frame)
