"""A conversation with one method under one persona, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_ENDED = ("SUCCEEDED", "FAILED", "DEAD", "CANCELLED", "SKIPPED")


@dataclass
class Exchange:
    """One question and its answer, which grows while it is written."""

    question: str
    round: int = 0  # one question to two methods is one round
    job: int | None = None
    state: str = "READY"
    text: str = ""
    error: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    waited: int = 0  # seconds until the first words

    @property
    def ended(self) -> bool:
        """Whether the answer will not grow any more."""
        return self.state in _ENDED

    def fail(self, error: str) -> None:
        """The question could not be asked, or its answer not be read."""
        self.state, self.error = "FAILED", error


@dataclass
class Conversation:
    """What was said so far."""

    method: str
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def writing(self) -> list[Exchange]:
        """Exchanges whose answer is not complete."""
        return [exchange for exchange in self.exchanges if not exchange.ended]

    def messages(self) -> list[dict[str, str]]:
        """The conversation as a model is given it, up to the last question; unanswered ones are left out."""
        said: list[dict[str, str]] = []
        for exchange in self.exchanges[:-1]:
            if exchange.text:
                said.append({"role": "user", "content": exchange.question})
                said.append({"role": "assistant", "content": exchange.text})
        return [*said, {"role": "user", "content": self.exchanges[-1].question}]


def rounds(conversations: Sequence[Conversation]) -> list[list[Exchange | None]]:
    """Round by round, in the order they were asked: each conversation's exchange, or None if it was not asked."""
    found: dict[int, list[Exchange | None]] = {}
    for place, conversation in enumerate(conversations):
        for exchange in conversation.exchanges:
            found.setdefault(exchange.round, [None] * len(conversations))[place] = exchange
    return [found[number] for number in sorted(found)]
