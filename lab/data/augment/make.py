"""From a persona's train dialogues to as many as are wanted: which one is tried when, and what is kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from lab.data.augment.accept import Refusal, same
from lab.data.formats.record import MAX_ID
from lab.data.types import Dialogue, Persona

ROUNDS = 6
"""How often each source is tried: beyond that a model repeats itself, and one answer is learned too often."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One try: the `round`-th new dialogue from this source, with the persona's other train dialogues at hand."""

    persona: Persona
    own: tuple[Dialogue, ...]
    source: Dialogue
    round: int  # from 0

    def rng(self, *seed: int) -> np.random.Generator:
        """Random numbers of the source's own."""
        return np.random.default_rng([*seed, crc32(self.source.dialogue_id.encode())])


@dataclass(frozen=True, slots=True)
class Made:
    """A new dialogue, and the ids of the train dialogues that it was made from, its source first."""

    dialogue: Dialogue
    made_from: tuple[str, ...]


class Way(Protocol):
    """A way to make dialogues."""

    def usable(self, own: Sequence[Dialogue]) -> list[Dialogue]:
        """Those of a persona's train dialogues from which one can be made."""

    def propose(self, draws: Sequence[Draw]) -> list[Made | Refusal]:
        """What becomes of each draw."""


@dataclass
class Tally:
    """How it stands."""

    asked: int  # dialogues that are wanted beyond the own ones
    most: int  # draws after which there is nothing left to try
    made: int = 0
    tried: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)


@dataclass
class Outcome:
    """What was made: persona → new dialogues in the order of their time, and how it went."""

    made: dict[str, list[Made]]
    tally: Tally
    fewest: int  # train dialogues of the persona that has the fewest now, its own counted


def augment(
    way: Way,
    people: Iterable[tuple[Persona, Sequence[Dialogue]]],
    to: int,
    seed: int,
    on_round: Callable[[Tally, int], None] = lambda _tally, _draws: None,
) -> Outcome:
    """New dialogues for each persona from its train dialogues, until it has `to` of them, its own counted.

    Every persona's sources are taken in turn, in an order drawn once; all personas' draws of a round are proposed
    together. A persona for which every source was tried in every round is left with what it has. `on_round` hears,
    before each round, how it stands and how many draws come.
    """
    walks = [_Walk(way, persona, tuple(own), to, seed) for persona, own in people]
    tally = Tally(sum(walk.wanted for walk in walks), sum(walk.most for walk in walks if walk.wanted))
    while draws := [(walk, draw) for walk in walks for draw in walk.next()]:
        on_round(tally, len(draws))
        for (walk, _), found in zip(draws, way.propose([draw for _, draw in draws]), strict=True):
            refusal = walk.take(found)
            tally.tried += 1
            tally.made += refusal is None
            tally.refused.update([refusal] if refusal else [])
    made = {walk.persona.persona_id: sorted(walk.made, key=_time) for walk in walks if walk.made}
    return Outcome(made, tally, min((len(walk.own) + len(walk.made) for walk in walks), default=0))


def _time(made: Made) -> tuple[Any, str]:
    return made.dialogue.started_at, made.dialogue.dialogue_id


class _Walk:
    """One persona's way to what is wanted."""

    def __init__(self, way: Way, persona: Persona, own: tuple[Dialogue, ...], to: int, seed: int) -> None:
        self.persona, self.own = persona, own
        self.wanted = max(to - len(own), 0)
        self.made: list[Made] = []
        usable = way.usable(own)
        self.most = ROUNDS * len(usable)
        self._known = {same(dialogue) for dialogue in own}
        self._draws = self._in_turn(usable, seed)

    def _in_turn(self, usable: list[Dialogue], seed: int) -> Iterator[Draw]:
        order = np.random.default_rng([seed, crc32(self.persona.persona_id.encode())]).permutation(len(usable))
        for number in range(ROUNDS):
            for place in order:
                yield Draw(self.persona, self.own, usable[place], number)

    def next(self) -> list[Draw]:
        """As many as are still wanted, while there are any."""
        return list(islice(self._draws, self.wanted - len(self.made)))

    def take(self, found: Made | Refusal) -> Refusal | None:
        """Keep it unless it is none, or like another of this persona's."""
        if isinstance(found, Refusal):
            return found
        if same(found.dialogue) in self._known:
            return Refusal.DUPLICATE
        self._known.add(same(found.dialogue))
        self.made.append(found)
        return None


def derived(draw: Draw, way: str, made_from: Sequence[str] = (), **changes: Any) -> Made:
    """A new dialogue like the draw's source but for `changes`, under an id that tells how it came about."""
    source = draw.source.dialogue_id
    ending = f"~{way}{draw.round + 1}"
    name = source + ending
    if len(name) > MAX_ID:
        mark = f"~{hashlib.sha256(source.encode()).hexdigest()[:8]}{ending}"
        name = source[: MAX_ID - len(mark)] + mark
    return Made(replace(draw.source, dialogue_id=name, **changes), (source, *made_from))
