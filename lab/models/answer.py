"""From a dialogue to the tokens that ask for its next turn, and from the answer's tokens to its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import LabError
from lab.models.base import BaseModel
from lab.models.chat_template import Message, encode_prompt
from lab.models.decode import Request
from lab.models.resident import Resident, Stack
from lab.models.virtual import VIRTUAL

_UNFINISHED = "\ufffd"  # what a character's first bytes decode to


@dataclass(frozen=True)
class Row:
    """One dialogue and what serves it: adapters in order, each with its weight; none is the plain base."""

    messages: Sequence[Message]
    adapters: Stack = ()


def room(resident: Resident, row: Row) -> int:
    """Tokens of text that the model can attend to beside what the row's adapters put before it."""
    return resident.base.context_length - resident.virtual_tokens(row.adapters) - resident.prefix_tokens(row.adapters)


def request_of(resident: Resident, row: Row, max_new_tokens: int) -> Request:
    """The prompt for the next assistant turn; its oldest exchanges go if the context is too short."""
    base, left = resident.base, room(resident, row) - max_new_tokens
    if max_new_tokens < 1 or left < 1:
        raise LabError(
            f"{base.name} reads at most {base.context_length} tokens, prompt and answer together; "
            f"an answer of {max_new_tokens} cannot be asked for."
        )
    lead = (VIRTUAL,) * resident.virtual_tokens(row.adapters)
    return Request((*lead, *encode_prompt(base.tokenizer, row.messages, left)), row.adapters)


def is_complete(base: BaseModel, ids: list[int]) -> bool:
    """Whether the answer holds a text that ends it; most models end with a token instead."""
    return bool(base.stop_strings) and _stop(base, _decode(base, ids)) is not None


def answer_text(base: BaseModel, ids: list[int]) -> str:
    """The text of an answer: without special tokens, what ends it, or a character cut off in its middle."""
    text = _decode(base, ids)
    return text[: _stop(base, text)].rstrip(_UNFINISHED)


def settled_text(base: BaseModel, ids: list[int]) -> str:
    """The part of an unfinished answer's text that no later token can change or take back."""
    text = answer_text(base, ids)
    held = max((_overlap(text, stop) for stop in base.stop_strings), default=0)
    return text[: len(text) - held]


def _decode(base: BaseModel, ids: list[int]) -> str:
    return str(base.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _stop(base: BaseModel, text: str) -> int | None:
    """Where the first stop string begins."""
    return min((text.index(stop) for stop in base.stop_strings if stop in text), default=None)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    return next(n for n in range(min(len(text), len(stop) - 1), -1, -1) if text.endswith(stop[:n]))
