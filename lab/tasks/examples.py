"""Dialogues as the model sees them in training: with the prompts that their personas are served with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.data.types import Dialogue
from lab.methods.labels import Labels
from lab.methods.prompt import Messages
from lab.methods.recipe import RecipeBook
from lab.models.base import BaseModel
from lab.models.batching import Example
from lab.models.chat_template import EncodedDialogue, encode_dialogue
from lab.tasks.material import Material
from lab.tasks.prompting import Prompter


@dataclass
class Reader:
    """Reads the personas' dialogues, each for a group."""

    base: BaseModel
    given: Material
    prompter: Prompter
    recipes: RecipeBook
    max_length: int  # tokens; longer dialogues lose their oldest messages
    more: dict[str, list[Dialogue]] = field(default_factory=dict)  # persona → dialogues made of its train ones
    labels: Labels | None = None  # for auxiliary heads
    features: bool = False  # for a gate: what the user says first
    virtual: int = 0  # tokens that are learned, before each dialogue: they take up context too

    def examples(self, personas: Sequence[str], part: str) -> list[Example]:
        """A group's own personas' dialogues of train, or of val to choose by."""
        made = self.more if part == "train" else {}
        return [
            self._example(dialogue, user, training=part == "train")
            for user, persona in enumerate(personas)
            for dialogue in (*self.given.dialogues(persona, part), *made.get(persona, ()))
        ]

    def _example(self, dialogue: Dialogue, user: int, *, training: bool) -> Example:
        messages = self.prompter.dialogue(self.recipes[dialogue.persona_id], dialogue, training=training)
        length = min(self.max_length, self.base.context_length - self.virtual)
        tokens = encode_dialogue(self.base.tokenizer, messages, length)
        labels = None
        if self.labels is not None and training:
            labels = self.labels.rows(dialogue, _learned_from(tokens, messages, dialogue))
        return Example(
            np.asarray(tokens.ids),
            np.asarray(tokens.supervised),
            dialogue.dialogue_id,
            user,
            self.prompter.opening(messages) if self.features else None,
            labels,
        )


def _learned_from(tokens: EncodedDialogue, messages: Messages, dialogue: Dialogue) -> list[int]:
    """The assistant's messages in `dialogue` that are learned from beginning to end.

    A long dialogue may have lost its first ones, and the one that it now begins with may have lost its beginning.
    """
    said = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    own = [index for index, message in enumerate(dialogue.messages) if message.role == "assistant"]
    place = dict(zip(said, own, strict=True))
    return [place[turn] for turn in dict.fromkeys(tokens.turn) if turn >= 0 and turn != tokens.turn[0]]
