"""What a model is told before the dialogue starts: the same words for every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Messages = list[dict[str, str]]

_ROLE = "You are the user's personal assistant. Answer in one or two short sentences."


def system_text(context: Mapping[str, Any], about: str = "") -> str:
    """The assistant's role and what is known of the situation, such as the time of day or the weather.

    `about` is what is known of the user, a paragraph of its own.
    """
    known = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in context.items())
    text = f"{_ROLE} Situation: {known}." if known else _ROLE
    return f"{text}\n\n{about}" if about else text


def to_messages(context: Mapping[str, Any], turns: Sequence[Mapping[str, str]], about: str = "") -> Messages:
    """A dialogue, or its beginning, as chat messages with the system message first.

    `about` is what is known of the user: see `system_text`. System messages of the dialogue's own are kept, inside
    that first one: templates allow only one.
    """
    own = [turn["content"] for turn in turns if turn["role"] == "system"]
    spoken = [
        {"role": "user" if turn["role"] == "tool" else turn["role"], "content": turn["content"]}
        for turn in turns
        if turn["role"] != "system"
    ]
    return [{"role": "system", "content": "\n".join([system_text(context, about), *own])}, *spoken]
