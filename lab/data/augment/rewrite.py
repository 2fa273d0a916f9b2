"""Paraphrase and back-translation: the user's messages in other words, the assistant's word for word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lab.data.augment.accept import Refusal, clean, refused
from lab.data.augment.instructions import Instruction
from lab.data.augment.make import Draw, Made, derived
from lab.data.types import Dialogue, Message
from lab.methods.prompt import Messages

Ask = Callable[[Sequence[Messages], int], list[str]]
"""(prompts, most tokens of a text) → what a model writes, a text for each prompt."""
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → embeddings [n, d], each of length 1."""

_SHORT = 3  # words from which a message can be said otherwise


@dataclass(frozen=True)
class Rewriting:
    """Rewrites user messages.

    `stages` are the ways to say a thing otherwise, each one or more instructions that a message goes through one
    after another. Every source takes all of them in an order of its own, a way in each round.
    """

    name: str
    stages: Sequence[Sequence[Instruction]]
    ask: Ask
    embed: Embed
    seed: int

    def usable(self, own: Sequence[Dialogue]) -> list[Dialogue]:
        """Dialogues in which something can be said otherwise."""
        return [dialogue for dialogue in own if _places(dialogue)]

    def propose(self, draws: Sequence[Draw]) -> list[Made | Refusal]:
        """Each draw's dialogue rewritten.

        A message that cannot be rewritten well keeps its own words; where that is more than half of those that
        were to be rewritten, the dialogue is refused, for what is wrong with the first of them.
        """
        spots = [(draw, place) for draw in draws for place in _places(draw.source)]
        sources = [draw.source.messages[place].content for draw, place in spots]
        texts = self._rewritten([self._stage(draw) for draw, _ in spots], sources)
        cosines = (self.embed(sources) * self.embed(texts)).sum(axis=1)
        found = zip(sources, texts, cosines.tolist(), strict=True)
        judged = iter([(text, refused(source, text, cosine)) for source, text, cosine in found])
        return [self._assembled(draw, {place: next(judged) for place in _places(draw.source)}) for draw in draws]

    def _stage(self, draw: Draw) -> Sequence[Instruction]:
        return self.stages[draw.rng(self.seed).permutation(len(self.stages))[draw.round]]

    def _rewritten(self, stages: Sequence[Sequence[Instruction]], texts: list[str]) -> list[str]:
        for number in range(len(self.stages[0])):
            prompts = [stage[number].prompt(text) for stage, text in zip(stages, texts, strict=True)]
            texts = [clean(text) for text in self.ask(prompts, tokens_for(texts))]
        return texts

    def _assembled(self, draw: Draw, judged: dict[int, tuple[str, Refusal | None]]) -> Made | Refusal:
        wrong = [refusal for _, refusal in judged.values() if refusal]
        if 2 * len(wrong) > len(judged):
            return wrong[0]
        messages = tuple(
            _in_place(message, *judged.get(place, (message.content, None)))
            for place, message in enumerate(draw.source.messages)
        )
        return derived(draw, self.name, messages=messages)


def _in_place(message: Message, text: str, refusal: Refusal | None) -> Message:
    return message if refusal else replace(message, content=text)


def _places(dialogue: Dialogue) -> list[int]:
    """Where the user says something that can be said otherwise."""
    return [
        place
        for place, message in enumerate(dialogue.messages)
        if message.role == "user" and len(message.content.split()) >= _SHORT
    ]


def tokens_for(texts: Sequence[str]) -> int:
    """Tokens that a text of the longest one's size may take, in another language too."""
    return 24 + 3 * max((len(text.split()) for text in texts), default=0)
