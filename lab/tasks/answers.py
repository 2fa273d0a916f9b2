"""The turns that an evaluation has to answer, and its answers so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.methods.prompt import Messages
from lab.models.resident import Stack
from lab.tasks.context import JobContext
from lab.tasks.messages import Progress
from lab.tasks.resume import Notes

SHARE_OF_ANSWERS = 0.9  # of the job's time; the rest is scoring


@dataclass(frozen=True)
class Turn:
    """One assistant turn to be answered."""

    key: str  # names it within the data set
    persona: str
    dialogue: str
    index: int  # in `messages`
    messages: Messages  # the whole dialogue, system message first
    adapters: Stack  # what serves the dialogue
    endpoint: Mapping[str, Any] | None  # what serves it instead of the base model
    context: dict[str, object]
    task_type: str

    @property
    def reference(self) -> str:
        """What the data have the assistant say."""
        return self.messages[self.index]["content"]

    @property
    def history(self) -> Messages:
        """What was said before."""
        return self.messages[: self.index]


class Answers:
    """Turn's key → answer, and how likely dialogues are, growing; kept every so often, so that a crash costs little."""

    def __init__(self, context: JobContext, turns: Sequence[Turn]) -> None:
        self._context = context
        self._turns = turns
        self._notes = Notes(context, "answers")
        self._saved = time.monotonic()
        kept = self._notes.read()
        self.texts: dict[str, str] = kept.get("texts", {})
        self.seconds: float = kept.get("seconds", 0.0)
        # Dialogue → (message, summed NLL, tokens) of each of its turns.
        self.likelihood: dict[str, list[tuple[int, float, int]]] = kept.get("likelihood", {})

    def waiting(self) -> list[Turn]:
        """The turns that have no answer yet."""
        return [turn for turn in self._turns if turn.key not in self.texts]

    def take(self, turn: Turn, text: str, seconds: float) -> None:
        """Keep one answer, and what it took of the time for all of them."""
        self.texts[turn.key] = text
        self.seconds += seconds
        self._save_if_due()

    def rate(self, dialogue: str, turns: Sequence[tuple[int, float, int]]) -> None:
        """Keep how likely a dialogue's references are."""
        self.likelihood[dialogue] = list(turns)
        self._save_if_due()

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved > self._context.assignment.checkpoint_seconds:
            self.save()

    def tell(self, worth: float) -> None:
        """Say how far it is: so many answers' worth of work is done."""
        total = len(self._turns)
        self._context.progress(
            Progress(progress=SHARE_OF_ANSWERS * worth / max(total, 1), step=len(self.texts), total_steps=total)
        )

    def save(self) -> None:
        """Write a checkpoint."""
        kept = {"texts": self.texts, "seconds": self.seconds, "likelihood": self.likelihood}
        self._notes.save(len(self.texts) + len(self.likelihood), kept)
        self._saved = time.monotonic()
