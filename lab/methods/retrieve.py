"""Retrieval: which of a persona's earlier dialogues go into the prompt, and how they are shown there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lab.data.types import Dialogue
from lab.errors import LabError
from lab.methods.profile import preferences, setting_text, settings

By = Literal["similarity", "recency", "both"]
As = Literal["examples", "summary", "preferences"]

MAX_CHARACTERS = 400
"""Of one dialogue's transcript, so that ten of them fit into some 1,200 tokens."""
MAX_LINE = 120
"""Characters of a dialogue's time and context, and of a request in a summary."""

_HEADINGS: Mapping[As, str] = {
    "examples": "Earlier conversations with this user:",
    "summary": "Earlier conversations with this user, in short:",
    "preferences": "What earlier conversations with this user show:",
}
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How many of a persona's own earlier dialogues are shown, which of them, and in what form.

    Raises:
        LabError: k is negative, or `by` or `as_` is not one of its words.
    """

    k: int
    by: By = "similarity"
    as_: As = "examples"

    def __post_init__(self) -> None:
        _check_k(self.k)
        for key, value, known in (("by", self.by, get_args(By)), ("as", self.as_, get_args(As))):
            if value not in known:
                raise LabError(f"retrieval: '{key}' is {value!r}; use one of {', '.join(known)}")


def _check_k(k: int) -> None:
    if k < 0:
        raise LabError(f"retrieval: k is {k}; give 0 or more dialogues")


# ---------------------------------------------------------------- what is embedded


def text_of(dialogue: Dialogue) -> str:
    """The text a dialogue is found by: its user messages, a line each."""
    return "\n".join(message.content for message in dialogue.messages if message.role == "user")


def query_text(messages: Sequence[Mapping[str, str]]) -> str:
    """The text to search with: the user messages of a dialogue so far, a line each.

    `messages` end where an answer is wanted; nothing after that, the reference included, belongs in them.
    """
    return "\n".join(message["content"] for message in messages if message["role"] == "user")


# ---------------------------------------------------------------- which


class History:
    """One persona's train dialogues, to be searched."""

    def __init__(self, persona_id: str, dialogues: Sequence[Dialogue], vectors: NDArray[np.floating]) -> None:
        """`vectors` [n, d] are the embeddings of the dialogues' `text_of`, each of length 1.

        Raises:
            LabError: a dialogue is another persona's, or the vectors are not one unit row for each dialogue.
        """
        for dialogue in dialogues:
            if dialogue.persona_id != persona_id:
                raise LabError(
                    f"history of persona {persona_id}: dialogue {dialogue.dialogue_id} belongs to persona "
                    f"{dialogue.persona_id}; give this persona's own train dialogues only"
                )
        rows = _unit_rows(f"history of persona {persona_id}", vectors, len(dialogues))
        order = sorted(range(len(dialogues)), key=lambda i: dialogues[i].dialogue_id)
        order.sort(key=lambda i: dialogues[i].started_at, reverse=True)
        self.persona_id = persona_id
        self._dialogues = [dialogues[i] for i in order]  # newest first, of the same time the smaller id
        self._rows = rows[order]  # [n, d]

    def nearest(self, query_vector: NDArray[np.floating], before: datetime, k: int, by: By) -> list[Dialogue]:
        """The k best dialogues that are strictly older than `before`, best first; fewer where there are no more.

        `query_vector` [d] is the embedding of `query_text`, of length 1; by recency it is not looked at. By
        similarity, a dialogue's score is the cosine of its vector and the query's, to six decimals, so that equal
        texts tie on every machine; by recency, its place in time among the older dialogues, from 0 (the oldest) to 1
        (the newest); by both, the sum of the two. Of equal scores the newer dialogue comes first, of equal times the
        smaller `dialogue_id`.

        Raises:
            LabError: k is negative, or the query's vector is not of length 1 or not of the history's d.
        """
        _check_k(k)
        start = next((i for i, d in enumerate(self._dialogues) if d.started_at < before), len(self._dialogues))
        older = self._dialogues[start:]
        if not older or k == 0:
            return []
        scores = np.zeros(len(older))
        if by in ("similarity", "both"):
            scores += _cosines(self._rows[start:], query_vector)
        if by in ("recency", "both"):
            scores += _places([dialogue.started_at for dialogue in older])
        best = np.argsort(-scores, kind="stable")[:k]  # stable: newest first among equals
        return [older[i] for i in best]


def _unit_rows(what: str, vectors: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != n:
        raise LabError(f"{what}: vectors of shape {rows.shape} given, [{n}, d] expected; embed one text for each")
    if not np.allclose(np.linalg.norm(rows, axis=1), 1, rtol=0, atol=1e-2):  # room for half precision
        raise LabError(f"{what}: a vector is not of length 1; normalise the embeddings first")
    return rows


def _cosines(rows: NDArray[np.float64], query_vector: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine of each row of [m, d] and the query's [d], [m]."""
    query = _unit_rows("retrieval query", np.asarray(query_vector)[None], 1)[0]
    if len(query) != rows.shape[1]:
        raise LabError(
            f"retrieval query: its vector has {len(query)} numbers, the history's have {rows.shape[1]}; "
            "embed both with the same model"
        )
    cosines: NDArray[np.float64] = np.round(rows @ query, 6)
    return cosines


def _places(times: Sequence[datetime]) -> NDArray[np.float64]:
    """The place of each time among the distinct ones, from 0 (the oldest) to 1 (the newest)."""
    distinct = {time: place for place, time in enumerate(sorted(set(times)))}
    return np.array([distinct[time] for time in times]) / max(len(distinct) - 1, 1)


# ---------------------------------------------------------------- how they are shown


def shown(dialogues: Sequence[Dialogue], as_: As) -> str:
    """The dialogues as text for the system message, below a heading; "" where there is nothing to show.

    Examples are transcripts with their time and context, cut to so many characters each by leaving out the last
    turns; summary is a line each: when, what was asked, what was set; preferences is what `profile.preferences` makes
    of just these. They stand oldest first, the newest nearest to the question, in whatever order they come.
    """
    ordered = sorted(dialogues, key=lambda dialogue: (dialogue.started_at, dialogue.dialogue_id))
    if as_ == "examples":
        told = "\n\n".join(_transcript(dialogue) for dialogue in ordered)
    elif as_ == "summary":
        told = "\n".join(_summary(dialogue) for dialogue in ordered)
    else:
        told = preferences(ordered)
    return f"{_HEADINGS[as_]}\n{told}" if told else ""


def _when(dialogue: Dialogue) -> str:
    """Time and context, as in "2025-01-18 21:51, evening, weekend, cloudy"."""
    known = [
        _flat(value if isinstance(value, str) else f"{key} {value}").replace("_", " ")
        for key, value in dialogue.context.items()
        if isinstance(value, str | int | float)
    ]
    return _cut(", ".join([f"{dialogue.started_at:%Y-%m-%d %H:%M}", *known]), MAX_LINE)


def _transcript(dialogue: Dialogue) -> str:
    """The first turns that fit, at least the beginning of one."""
    lines, room = [f"[{_when(dialogue)}]"], MAX_CHARACTERS
    for turn in _turns(dialogue):
        if len(turn) > room:
            lines.append(_cut(turn, room) if len(lines) == 1 else _ELLIPSIS)
            break
        lines.append(turn)
        room -= len(turn)
    return "\n".join(lines)


def _turns(dialogue: Dialogue) -> list[str]:
    """A user message and all up to the next one, a line each message."""
    turns: list[list[str]] = []
    for message in dialogue.messages:
        if message.role == "system":
            continue
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(f"{message.role.capitalize()}: {_flat(message.content)}")
    return ["\n".join(turn) for turn in turns]


def _summary(dialogue: Dialogue) -> str:
    asked = next((_flat(message.content) for message in dialogue.messages if message.role == "user"), "")
    done = ", ".join(setting_text(spot, value) for spot, value in settings(dialogue).items())
    said = f'asked "{_cut(asked, MAX_LINE)}"' if asked else ""
    told = "; ".join(filter(None, (said, f"set {done}" if done else "")))
    return f"- {_when(dialogue)}: {told}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, limit: int) -> str:
    """The text, or as many of its whole words as fit into `limit` characters with a mark that more was there."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + _ELLIPSIS
