"""The turns that an evaluation has to answer, and its answers so far."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from lab.methods.prompt import Messages
from lab.models.resident import Stack
from lab.tasks.context import JobContext
from lab.tasks.messages import Progress

_FILE = "answers.jsonl"
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
    """Turn's key → answer, growing; kept on disk every so often, so that a crash costs little."""

    def __init__(self, context: JobContext, turns: Sequence[Turn]) -> None:
        self._context = context
        self._turns = turns
        self._folder = context.folder / "checkpoint"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._saved = time.monotonic()
        self.texts: dict[str, str] = {}
        self.seconds = 0.0
        self._restore(context.resume)

    def _restore(self, folder: Path | None) -> None:
        if folder is not None and (folder / _FILE).exists():
            try:
                kept = orjson.loads((folder / _FILE).read_bytes())
                self.texts, self.seconds = kept["texts"], kept["seconds"]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                self._context.log(f"the answers so far cannot be read ({error}); they are given anew")

    def waiting(self) -> list[Turn]:
        """The turns that have no answer yet."""
        return [turn for turn in self._turns if turn.key not in self.texts]

    def take(self, turn: Turn, text: str, seconds: float) -> None:
        """Keep one answer, and what it took of the time for all of them."""
        self.texts[turn.key] = text
        self.seconds += seconds
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
        part = self._folder / f"{_FILE}.part"
        part.write_bytes(orjson.dumps({"texts": self.texts, "seconds": self.seconds}))
        part.rename(self._folder / _FILE)
        self._context.checkpoint(self._folder, len(self.texts))
        self._saved = time.monotonic()
