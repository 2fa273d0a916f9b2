"""Seeded chance that gives the same draws on every machine and Python version."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of draws named by its key. Built on `Random.random` alone, whose sequence Python guarantees."""

    def __init__(self, *key: object) -> None:
        self._rng = random.Random("/".join(map(str, key)))

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return int(self._rng.random() * n)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True so many times in a hundred."""
        return self.below(100) < percent

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all alike."""
        return options[self.below(len(options))]

    def weighted(self, weights: Sequence[int]) -> int:
        """An index, drawn by whole-number weights."""
        left = self.below(sum(weights))
        for index, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return index
        raise ValueError("no weight is above 0")

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in a random order."""
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in range(len(options))]

    def some(self, options: Sequence[T], n: int) -> list[T]:
        """n different options, or all of them if there are fewer."""
        return self.shuffled(options)[:n]


def deal(seed: int, what: str, index: int, options: Sequence[T]) -> T:
    """The card that player `index` gets when decks of the options are shuffled and dealt one after the other.

    Everybody's card is the same however many players there are, and the options come up equally often.
    """
    deck, card = divmod(index, len(options))
    return Dice(seed, what, deck).shuffled(options)[card]


def quotas(dice: Dice, n: int, shares: Sequence[int]) -> list[int]:
    """n indices into `shares` (percent), each as often as its share says to within one, in random order.

    What is left over by rounding goes to those with the larger remainders more often, so that the shares hold
    on average too.
    """
    total = sum(shares)
    counts = [n * share // total for share in shares]
    remainders = [n * share % total for share in shares]
    for _ in range(n - sum(counts)):
        i = dice.weighted(remainders)
        counts[i] += 1
        remainders[i] = 0
    return dice.shuffled([i for i, count in enumerate(counts) for _ in range(count)])
