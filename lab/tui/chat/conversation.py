"""A conversation of one persona with several methods at once, as plain values."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

Messages = list[dict[str, str]]

_ENDED = ("SUCCEEDED", "FAILED", "DEAD", "CANCELLED", "SKIPPED")


@dataclass
class Answer:
    """One method's answer, which grows while it is written."""

    job: int | None = None
    state: str = "READY"
    text: str = ""
    error: str = ""
    info: dict[str, Any] = field(default_factory=dict)  # as the worker reported it with the answer
    waited: int = 0  # seconds until the first words

    @property
    def ended(self) -> bool:
        """Whether it will not grow any more."""
        return self.state in _ENDED

    @property
    def given(self) -> bool:
        """Whether it is complete."""
        return self.state == "SUCCEEDED"

    def fail(self, error: str) -> None:
        """The question could not be asked, or its answer not be read."""
        self.state, self.error = "FAILED", error


@dataclass
class Round:
    """One question to one or more methods, and their answers."""

    said: Messages  # what is said to the model after its answer before
    context: dict[str, Any]
    answers: dict[str, Answer]  # by method, from left to right
    reference: str | None = None  # what the data have the assistant say, where a dialogue is replayed
    blind: bool = False  # no answer has a name until one is picked
    picked: str | None = None  # the better answer's method; "" is a tie, None not judged
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def question(self) -> str:
        """The user's words."""
        return "\n".join(message["content"] for message in self.said if message["role"] == "user")

    @property
    def writing(self) -> list[Answer]:
        """Answers that are not complete."""
        return [answer for answer in self.answers.values() if not answer.ended]

    @property
    def secret(self) -> bool:
        """Whether nobody may know yet who answered."""
        return self.blind and self.picked is None

    @property
    def judgeable(self) -> bool:
        """Whether it is time to pick."""
        return self.secret and all(answer.given for answer in self.answers.values())


@dataclass(frozen=True)
class Turn:
    """One assistant turn of a dialogue of the data."""

    said: tuple[tuple[str, str], ...]  # (role, content) since the assistant's turn before
    reference: str


@dataclass(frozen=True)
class Replay:
    """A held-out dialogue, to be put to the methods turn by turn."""

    dialogue_id: str
    part: str  # val | test
    started_at: datetime
    context: dict[str, Any]
    turns: tuple[Turn, ...]


@dataclass
class Conversation:
    """What was said so far, in rounds."""

    study: str
    persona: str
    rounds: list[Round] = field(default_factory=list)
    replay: Replay | None = None

    @property
    def last(self) -> Round | None:
        """The round that was asked last."""
        return self.rounds[-1] if self.rounds else None

    @property
    def writing(self) -> list[Answer]:
        """Answers that are not complete."""
        return [answer for one in self.rounds for answer in one.writing]

    def messages(self, method: str, until: Round) -> Messages:
        """What the method is given to answer a round: what it was asked before, and its own words.

        A replayed turn comes with the true history: the references of the turns before it, and nothing else.
        """
        said: Messages = []
        for one in self.rounds[: self.rounds.index(until)]:
            answer = one.answers.get(method)
            if one.reference is not None:
                said += [*one.said, {"role": "assistant", "content": one.reference}]
            elif until.reference is None and answer is not None and answer.text:
                said += [*one.said, {"role": "assistant", "content": answer.text}]
        return [*said, *until.said]

    @property
    def over(self) -> Conversation:
        """As far as it is over: without a round that is being written; of a blind one, all may know who answered."""
        rounds = [replace(one, blind=one.blind and not one.secret) for one in self.rounds if not one.writing]
        return replace(self, rounds=rounds)

    @property
    def next_turn(self) -> Turn | None:
        """The turn of the replayed dialogue that comes next; None after its last."""
        done = sum(one.reference is not None for one in self.rounds)
        turns = self.replay.turns if self.replay else ()
        return turns[done] if done < len(turns) else None


def in_order(one: Round, methods: Sequence[str]) -> list[str]:
    """The methods of a round that are shown, from left to right: a blind round keeps its own order."""
    if one.blind:
        return list(one.answers)
    return [method for method in methods if method in one.answers]
