"""The messages a recipe serves a dialogue with: the situation, what the method adds about the user, the dialogue.

Retrieval looks once, when a dialogue begins, with the user's first words: so every later turn begins with the
same text, is read once, and a model trained with retrieved examples sees in training what it sees when it serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.types import Dialogue
from lab.methods.profile import preferences
from lab.methods.prompt import Messages, to_messages
from lab.methods.recipe import Recipe
from lab.methods.retrieve import History, Retrieval, query_text, shown, text_of
from lab.tasks import warm
from lab.tasks.context import JobContext
from lab.tasks.material import Material, material


class Prompter:
    """Composes messages for the personas of a job; of other dialogues it shows own, older train ones only."""

    def __init__(self, context: JobContext, given: Material | None = None) -> None:
        """The data are loaded when a recipe asks for them, if they are not given."""
        self._context, self._given = context, given
        self._histories: dict[str, History] = {}

    def dialogue(self, recipe: Recipe, dialogue: Dialogue, *, training: bool = False) -> Messages:
        """A whole dialogue of the data set.

        In training, preferences are those of older dialogues: all of them together would give the answers away.
        """
        if training and recipe.prompt == "preferences":
            own = self._train(dialogue.persona_id)
            recipe = replace(recipe, about=preferences([d for d in own if d.started_at < dialogue.started_at]))
        turns = [{"role": message.role, "content": message.content} for message in dialogue.messages]
        return self.messages(recipe, dialogue.persona_id, dialogue.context, turns, dialogue.started_at)

    def messages(
        self,
        recipe: Recipe,
        persona: str,
        situation: Mapping[str, Any],
        turns: Sequence[Mapping[str, str]],
        at: datetime,
    ) -> Messages:
        """A dialogue, or its beginning, that started at this time."""
        return told(recipe, situation, turns, self.earlier(recipe, persona, turns, at))

    def earlier(self, recipe: Recipe, persona: str, turns: Sequence[Mapping[str, str]], at: datetime) -> list[Dialogue]:
        """The older dialogues that the recipe shows for one that begins so at this time, best first."""
        if recipe.retrieve is None:
            return []
        how = retrieval(recipe.retrieve)
        return self._history(recipe.history or persona).nearest(self.opening(turns), at, how.k, how.by)

    def opening(self, turns: Sequence[Mapping[str, str]]) -> NDArray[np.float32]:
        """The embedding [d] of what the user says first: by it a dialogue is looked up, and shared among experts."""
        first = next((turn for turn in turns if turn["role"] == "user"), None)
        vector: NDArray[np.float32] = self._embed([query_text([first] if first else [])])[0]
        return vector

    def _history(self, persona: str) -> History:
        if persona not in self._histories:
            dialogues = self._train(persona)
            self._histories[persona] = History(persona, dialogues, self._embed([text_of(one) for one in dialogues]))
        return self._histories[persona]

    def _train(self, persona: str) -> list[Dialogue]:
        self._given = self._given or material(self._context)
        return self._given.dialogues(persona, "train")

    def _embed(self, texts: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return warm.embedder(self._context).encode(texts)


def told(
    recipe: Recipe, situation: Mapping[str, Any], turns: Sequence[Mapping[str, str]], earlier: Sequence[Dialogue]
) -> Messages:
    """What the model reads: the situation, what the recipe knows of the user, earlier dialogues, and the turns."""
    memories = shown(earlier, retrieval(recipe.retrieve).as_) if recipe.retrieve is not None else ""
    return to_messages(situation, turns, "\n\n".join(part for part in (recipe.about, memories) if part))


def retrieval(declared: Mapping[str, Any]) -> Retrieval:
    """How a recipe retrieves."""
    return Retrieval(declared["k"], declared["by"], declared["show"])
