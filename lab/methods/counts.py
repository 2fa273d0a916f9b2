"""How much there is to read in a data set, counted without a tokenizer: enough for an estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.data.split import PARTS, Split
from lab.data.types import Dataset, Dialogue
from lab.methods.profile import description_text
from lab.methods.prompt import to_messages

_BYTES_PER_TOKEN = 4  # of UTF-8: about right for English, and other scripts take more bytes and more tokens alike
_TEMPLATE_TOKENS = 5  # what a chat template puts around a message


@dataclass(frozen=True, slots=True)
class Part:
    """One persona's dialogues of one split."""

    lengths: tuple[int, ...]  # tokens of each dialogue as the model reads it, about
    turns: int  # of the assistant
    bytes: int  # of its text

    def tokens(self, more: float = 0, longest: float = float("inf")) -> float:
        """Of all dialogues, each with so many more in its system message and cut to the longest allowed."""
        return sum(min(length + more, longest) for length in self.lengths)


@dataclass(frozen=True, slots=True)
class PersonaCounts:
    """What there is of one persona."""

    description: int  # tokens
    parts: Mapping[str, Part]  # train, val and test


Counts = Mapping[str, PersonaCounts]
"""By persona id."""


def count(dataset: Dataset, split: Split) -> Counts:
    """Count every persona's dialogues."""
    found = {}
    for persona in dataset.personas:
        by_id = {dialogue.dialogue_id: dialogue for dialogue in dataset.of(persona.persona_id)}
        own = split.personas[persona.persona_id]
        parts: dict[str, Part] = {name: _part(by_id[one] for one in own.part(name)) for name in PARTS}
        found[persona.persona_id] = PersonaCounts(_tokens(_bytes(description_text(persona))), parts)
    return found


def _part(dialogues: Iterable[Dialogue]) -> Part:
    lengths, turns, size = [], 0, 0
    for dialogue in dialogues:
        said = [{"role": message.role, "content": message.content} for message in dialogue.messages]
        read = [_bytes(message["content"]) for message in to_messages(dialogue.context, said)]
        lengths.append(sum(map(_tokens, read)) + _TEMPLATE_TOKENS * len(read))
        turns += dialogue.turns
        size += sum(read)
    return Part(tuple(lengths), turns, size)


def _bytes(text: str) -> int:
    return len(text.encode())


def _tokens(size: int) -> int:
    return -(-size // _BYTES_PER_TOKEN)
